package console

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/projections"
)

func TestReadable(t *testing.T) {
	for _, c := range []struct {
		minor    int64
		currency string
		want     string
	}{
		{123456, "EUR", "1,234.56 EUR"}, {0, "EUR", "0.00 EUR"}, {5, "ZAR", "0.05 ZAR"}, {-5, "BRL", "-0.05 BRL"}, {-123, "MXN", "-1.23 MXN"},
		{100000, "EUR", "1,000.00 EUR"}, {123456, "CLP", "123,456 CLP"}, {-999, "CLP", "-999 CLP"}, {0, "CLP", "0 CLP"},
		{-9223372036854775808, "EUR", "-92,233,720,368,547,758.08 EUR"}, {1234, "JPY", ""}, {1234, "", ""}, {1234, "eur", ""},
	} {
		require.Equal(t, c.want, readable(c.minor, c.currency))
	}
}

func TestPretty(t *testing.T) {
	text, cut := pretty(`{"b":1.10,"a":[1,{"x":"[\"{"}],"b":12345678901234567890}`)
	require.False(t, cut)
	require.Equal(t, "{\n  \"b\": 1.10,\n  \"a\": [\n    1,\n    {\n      \"x\": \"[\\\"{\"\n    }\n  ],\n  \"b\": 12345678901234567890\n}", text)
	for _, as := range []string{"", "no JSON", `{"a":`, strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000), strings.Repeat(" ", 100<<10)} {
		text, cut = pretty(as)
		require.False(t, cut)
		require.Equal(t, as, text)
	}
	text, cut = pretty(strings.Repeat("é", 200<<10))
	require.True(t, cut)
	require.Equal(t, strings.Repeat("é", 128<<10), text)
	text, cut = pretty(strings.Repeat("\x80", 300<<10))
	require.True(t, cut)
	require.LessOrEqual(t, len(text), objectBytes)
}

// FuzzPretty: no object becomes much larger by being shown.
func FuzzPretty(f *testing.F) {
	f.Add(`{"a":[1,2,{"b":null}]}`)
	f.Add(strings.Repeat(`{"":`, 39) + "1" + strings.Repeat("}", 39))
	f.Fuzz(func(t *testing.T, object string) {
		text, _ := pretty(object)
		require.LessOrEqual(t, len(text), 64+(2*indentDepth+4)*len(object))
		require.GreaterOrEqual(t, depth(object), 0)
	})
}

// TestCommandIsOneWordEach: what is given to be pasted reaches the program as it is, by a real shell.
func TestCommandIsOneWordEach(t *testing.T) {
	for _, id := range []string{"pyo_1", "a/b", "it's", "$(id)", "`id`", `a\b"c`, "a b", "*", "~", "ñandú", "-x", ";", "#"} {
		c := command(lifecycle.Entity{Connection: "devengo live", Kind: "payment", ID: id})
		rest, ok := strings.CutPrefix(c, "hookfold explain ")
		require.True(t, ok)
		out, err := exec.Command("sh", "-c", `printf '%s\n' `+rest).Output()
		require.NoError(t, err)
		require.Equal(t, "devengo live\npayment/"+id+"\n", string(out))
	}
	for _, id := range []string{"a\nb", "a\x00", "\x1b[2J", "\u202e", "\xff", "a\u200bb"} {
		require.Empty(t, command(lifecycle.Entity{Connection: "c", Kind: "payment", ID: id}), "%q", id)
	}
}

func TestWords(t *testing.T) {
	require.Equal(t, "2026-03-01 12:00:01", when("2026-03-01T12:00:01.25Z"))
	require.Equal(t, "no time", when("no time"))
	require.Equal(t, "not again", due("9999-12-31T00:00:00Z"))
	require.Equal(t, "2026-03-01 12:00:01", due("2026-03-01T12:00:01Z"))
	require.Equal(t, "2026-03-01 12:00:01.25Z", stamp(time.Date(2026, 3, 1, 12, 0, 1, 250_000_000, time.UTC)))
	require.Equal(t, "Login required", title("login_required"))
	for _, f := range lifecycle.Families() {
		for _, s := range f.Statuses() {
			if s != lifecycle.Closed && s != lifecycle.Canceled {
				require.NotEqual(t, "still", tone(s), "%s of %s", s, f)
			}
		}
	}
}

// TestWaitingEnds: a request whose asker is gone does not wait for its turn.
func TestWaitingEnds(t *testing.T) {
	h := &console{slots: make(chan struct{}, 1)}
	h.slots <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := h.read(httptest.NewRequestWithContext(ctx, http.MethodGet, Prefix, nil), nil)
	require.ErrorIs(t, err, context.Canceled)
}

// TestCountingIsNotWaitedFor: while one request counts, others show what there is, and that more is to come.
func TestCountingIsNotWaitedFor(t *testing.T) {
	c := newCounter()
	c.turn <- struct{}{}
	got, err := c.get(t.Context(), nil, "a file")
	require.NoError(t, err)
	require.True(t, got.Pending)
	c.shown = counted{Tally: projections.Tally{Done: true, Parked: map[string]int64{"shape": 3}}}
	got, err = c.get(t.Context(), nil, "a file")
	require.NoError(t, err)
	require.False(t, got.Pending)
	require.Equal(t, map[string]int64{"shape": 3}, got.Parked)
}
