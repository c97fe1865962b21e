package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// deliverCmd posts a body to a connection of the process at $URL, signed as Devengo signs unless it is told otherwise:
//
//	deliver [flags] CONNECTION BODYFILE
//
//	-status N      the answer that must come (200)
//	-secret S      sign with this secret ($SECRET, or the demo's where there is none)
//	-age D         sign for a time so long ago
//	-scheme V      name the signature so (v1); as many as there are commas
//	-header TEXT   send this signature header instead; "none" sends none
//	-tamper        change one byte of the body after it was signed
//	-within D      the answer must come within this time
//
// A refusal must be one short line that says nothing of secrets or bodies; a 503 must say when to come again.
func deliverCmd(ts *testscript.TestScript, neg bool, args []string) {
	f := flag.NewFlagSet("deliver", flag.ContinueOnError)
	status := f.Int("status", 200, "")
	secret := f.String("secret", ts.Getenv("SECRET"), "")
	age := f.Duration("age", 0, "")
	schemes := f.String("scheme", "v1", "")
	header := f.String("header", "", "")
	tamper := f.Bool("tamper", false, "")
	within := f.Duration("within", patience, "")
	ts.Check(f.Parse(args))
	if neg || f.NArg() != 2 {
		ts.Fatalf("usage: deliver [flags] CONNECTION BODYFILE")
	}
	if *secret == "" {
		*secret = demoSecret(ts)
	}
	body := ts.ReadFile(f.Arg(1))
	t := strconv.FormatInt(time.Now().Add(-*age).Unix(), 10)
	mac := hmac.New(sha256.New, []byte(*secret))
	io.WriteString(mac, t+"."+body)
	signature := "t=" + t
	for scheme := range strings.SplitSeq(*schemes, ",") {
		signature += "," + scheme + "=" + hex.EncodeToString(mac.Sum(nil))
	}
	if *header != "" {
		signature = *header
	}
	if *tamper {
		body = strings.Replace(body, "a", "b", 1)
	}
	req, err := http.NewRequest("POST", ts.Getenv("URL")+"/webhooks/"+f.Arg(0), strings.NewReader(body))
	ts.Check(err)
	req.Header.Set("Content-Type", "application/json")
	if signature != "none" {
		req.Header.Set("X-Devengo-Webhooks-Sig", signature)
	}
	began := time.Now()
	resp, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	ts.Check(err)
	if resp.StatusCode != *status {
		ts.Fatalf("status %d, want %d: %s", resp.StatusCode, *status, answer)
	}
	if took := time.Since(began); took > *within {
		ts.Fatalf("answered after %v, want within %v", took, *within)
	}
	checkAnswer(ts, resp, string(answer), *secret, body)
}

func checkAnswer(ts *testscript.TestScript, resp *http.Response, answer, secret, body string) {
	if n := strings.Count(answer, "\n"); n != 1 || len(answer) > 120 {
		ts.Fatalf("the answer is not one short line: %q", answer)
	}
	if strings.Contains(answer, secret) || (len(body) > 10 && strings.Contains(answer, body[:10])) {
		ts.Fatalf("the answer reveals something: %q", answer)
	}
	if n, err := strconv.Atoi(resp.Header.Get("Retry-After")); resp.StatusCode == 503 && (err != nil || n < 1) {
		ts.Fatalf("a 503 without Retry-After: %v", resp.Header)
	}
	ts.Logf("%d %s", resp.StatusCode, strings.TrimSpace(answer))
}

// demoSecret is the secret of the demo's Devengo connection, read where a user could read it.
func demoSecret(ts *testscript.TestScript) string {
	var d struct{ Secrets map[string]string }
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(filepath.Join("data", "demo.json"))), &d))
	return d.Secrets["devengo"]
}

// pasteCmd reads the curl command that stands in a file and does what curl would, since curl may not be there.
func pasteCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: paste FILE")
	}
	_, command, found := strings.Cut(ts.ReadFile(args[0]), "\ncurl ")
	if !found {
		ts.Fatalf("%s holds no line that begins with curl", args[0])
	}
	words, err := shellWords(command)
	ts.Check(err)
	var method, url, body string
	header := http.Header{}
	for i := 0; i < len(words); i++ {
		switch words[i] {
		case "-X", "-H", "-d":
			value := words[i+1]
			switch words[i] {
			case "-X":
				method = value
			case "-d":
				body = value
			default:
				name, content, _ := strings.Cut(value, ": ")
				header.Set(name, content)
			}
			i++
		default:
			url = words[i]
		}
	}
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	ts.Check(err)
	req.Header = header
	resp, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	if resp.StatusCode != 200 {
		ts.Fatalf("the command that was printed gets %s", resp.Status)
	}
}

// shellWords splits a command as a shell does, up to the end of its last line: quotes, and line breaks after a backslash.
func shellWords(s string) ([]string, error) {
	var words []string
	var word strings.Builder
	in := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\'':
			end := strings.IndexByte(s[i+1:], '\'')
			if end < 0 {
				return nil, fmt.Errorf("a quote is not closed")
			}
			word.WriteString(s[i+1 : i+1+end])
			i, in = i+1+end, true
		case c == '\\' && i+1 < len(s) && s[i+1] == '\n':
			i++
		case c == ' ' || c == '\n':
			if in {
				words = append(words, word.String())
				word.Reset()
				in = false
			}
			if c == '\n' {
				return words, nil
			}
		default:
			word.WriteByte(c)
			in = true
		}
	}
	return words, nil
}

// readyCmd waits until /readyz of the process at $ADMIN answers with a status, and with a text in its body.
func readyCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: ready STATUS [TEXT]")
	}
	waitFor(ts, func() error {
		resp, err := http.Get(ts.Getenv("ADMIN") + "/readyz")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return err
		}
		if strconv.Itoa(resp.StatusCode) != args[0] || (len(args) > 1 && !strings.Contains(string(body), args[1])) {
			return fmt.Errorf("readyz is %d:\n%s", resp.StatusCode, body)
		}
		return nil
	})
}

// waitFor asks again until there is no error, or fails with the last one.
func waitFor(ts *testscript.TestScript, check func() error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			ts.Fatalf("after %v: %v", patience, err)
		}
	}
}
