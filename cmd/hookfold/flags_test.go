package main

import (
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

	"github.com/hookfold/hookfold/internal/config"
)

// TestFlagsAreSettings: each setting that is no secret has a flag, each flag has its setting.
func TestFlagsAreSettings(t *testing.T) {
	var c cli
	parser, err := kong.New(&c, kong.Writers(io.Discard, io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, f := range parser.Model.Flags {
		known["--"+f.Name] = true
	}
	settings := 0
	names, secret := config.Settings()
	for _, name := range names {
		if secret[name] == known[config.Flag(name)] {
			t.Errorf("setting %s: secret %t, flag %t", name, secret[name], known[config.Flag(name)])
		}
		if !secret[name] {
			settings++
		}
	}
	if n := reflect.TypeFor[flags]().NumField(); n != settings {
		t.Errorf("%d flags, %d settings that are no secret", n, settings)
	}
	parsed, err := parser.Parse([]string{"up", "--body-limit", "2KiB", "--kafka-tls-ca=", "--output", "json"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"body_limit": "2KiB", "kafka.tls.ca": ""}, given(parsed)); diff != "" {
		t.Error(diff)
	}
}

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{
		"data/projections.db": "data/projections.db",
		"my data/x":           "'my data/x'",
		"it's":                `'it'\''s'`,
		"$(rm)":               "'$(rm)'",
	} {
		if got := quote(in); got != want {
			t.Errorf("quote(%q) = %s, want %s", in, got, want)
		}
		if words, err := shellWords(quote(in) + "\n"); !strings.Contains(in, "'") && (err != nil || len(words) != 1 || words[0] != in) {
			t.Errorf("a shell reads %q, %v", words, err)
		}
	}
}

// TestSignDevengo holds the signature against the one that Devengo's documentation prints.
func TestSignDevengo(t *testing.T) {
	const want = "t=1695475082,v1=8468c75d73386661e353070ac84e2e80bc59b1cefb31337cd393685c904151ea"
	if got := signDevengo("secret", time.Unix(1695475082, 0), "{}"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestLoopback(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:80": true, "[::1]:80": true, "localhost:80": true, "127.9.9.9:1": true,
		":80": false, "0.0.0.0:80": false, "[::]:80": false, "192.0.2.1:80": false, "example.com:80": false, "nonsense": false,
	} {
		if got := loopback(address); got != want {
			t.Errorf("loopback(%q) = %t", address, got)
		}
	}
}
