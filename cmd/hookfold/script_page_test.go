package main

import (
	"flag"
	"fmt"
	"html"
	"io"
	"net/http"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// pageCmd waits until a page of the process at $ADMIN answers as it must:
//
//	page [flags] PATH [TEXT…]
//
// The page must hold each text, as a reader sees it; with !, none of them. The flags:
//
//	-status N   the answer that must come (200)
//	-host NAME  ask under this name
//	-method M   ask in this way (GET)
func pageCmd(ts *testscript.TestScript, neg bool, args []string) {
	f := flag.NewFlagSet("page", flag.ContinueOnError)
	status := f.Int("status", http.StatusOK, "")
	host := f.String("host", "", "")
	method := f.String("method", http.MethodGet, "")
	ts.Check(f.Parse(args))
	if f.NArg() < 1 {
		ts.Fatalf("usage: page [flags] PATH [TEXT…]")
	}
	waitFor(ts, func() error {
		req, err := http.NewRequest(*method, ts.Getenv("ADMIN")+f.Arg(0), nil)
		ts.Check(err)
		req.Host = *host
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return err
		}
		if resp.StatusCode != *status {
			return fmt.Errorf("%s is %s:\n%s", f.Arg(0), resp.Status, body)
		}
		for _, want := range f.Args()[1:] {
			if strings.Contains(html.UnescapeString(string(body)), want) == neg {
				return fmt.Errorf("%s: want %q: %t; it is\n%s", f.Arg(0), want, !neg, body)
			}
		}
		return nil
	})
}
