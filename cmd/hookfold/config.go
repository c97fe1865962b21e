package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/hookfold/hookfold/internal/config"
)

type configCmd struct {
	Check configCheckCmd `cmd:"" help:"Say everything that is wrong with the configuration, with its line and the mend."`
	Print configPrintCmd `cmd:"" help:"Print the effective configuration, each secret as a fingerprint."`
}

type configCheckCmd struct{}

// Run reports problems on stdout, since they are what was asked for, and exits with 2 where there are any.
func (*configCheckCmd) Run(w *world) error {
	c, err := w.load()
	wrong := new(config.Error)
	if err != nil && !errors.As(err, &wrong) {
		return err
	}
	if w.json {
		result := struct {
			OK       bool             `json:"ok"`
			Problems []config.Problem `json:"problems"`
		}{err == nil, append([]config.Problem{}, wrong.Problems...)}
		if e := json.NewEncoder(w.stdout).Encode(result); e != nil {
			return e
		}
	}
	switch {
	case err != nil:
		if !w.json {
			w.say(w.stdout, "%v\n\n%s\n", err, count(len(wrong.Problems), "problem"))
		}
		return reported{err}
	case w.json:
	case c.File == "":
		w.say(w.stdout, "There is no configuration file; hookfold up would run in demo mode.\n")
	default:
		w.say(w.stdout, "%s is good: %s.\n", c.File, count(len(c.Connections), "connection"))
		for _, conn := range c.Connections {
			w.say(w.stdout, "  %-24s %-12s %-5s /webhooks/%s\n", conn.Name, conn.Provider, conn.Mode, conn.Name)
		}
	}
	return nil
}

type configPrintCmd struct{}

// Run prints the configuration with flags, environment, file and defaults applied.
func (*configPrintCmd) Run(w *world) error {
	c, err := w.load()
	if err != nil {
		return err
	}
	if w.json {
		return c.PrintJSON(w.stdout)
	}
	return c.Print(w.stdout)
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if stem, ok := strings.CutSuffix(noun, "y"); ok {
		return fmt.Sprintf("%d %sies", n, stem)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
