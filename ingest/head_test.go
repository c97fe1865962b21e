package ingest

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const usual = "POST /webhooks/shop HTTP/1.1\r\nHost: hooks.example.test\r\nUser-Agent: Sender/1\r\ncontent-type: application/json\r\n" +
	"Content-Length: 2\r\nX-Sig:  t=1,v1=ab \r\nX-Sig: second\r\nAccept-Encoding: gzip\r\nConnection: Keep-Alive\r\n\r\n{}"

func TestOrdinaryHeads(t *testing.T) {
	for _, c := range []struct {
		name, said string
		ok         bool
	}{
		{"as providers send them", usual, true},
		{"with an event type", strings.Replace(usual, "shop", "shop/PIX_RECEIVED", 1), true},
		{"without a body", strings.Replace(usual, "th: 2", "th: 0", 1), true},
		{"with escapes", strings.Replace(usual, "shop", "sh%6fp", 1), false},
		{"with a query", strings.Replace(usual, "shop", "shop?a", 1), false},
		{"another method", strings.Replace(usual, "POST", "PUT", 1), false},
		{"another version", strings.Replace(usual, "/1.1", "/1.0", 1), false},
		{"no length", strings.Replace(usual, "Content-Length: 2\r\n", "", 1), false},
		{"two lengths", strings.Replace(usual, "User-Agent: Sender/1", "Content-Length: 2", 1), false},
		{"a length with a sign", strings.Replace(usual, "th: 2", "th: +2", 1), false},
		{"chunked", strings.Replace(usual, "User-Agent: Sender/1", "Transfer-Encoding: chunked", 1), false},
		{"a word before the body", strings.Replace(usual, "User-Agent: Sender/1", "Expect: 100-continue", 1), false},
		{"the last of its connection", strings.Replace(usual, "Keep-Alive", "close", 1), false},
		{"no host", strings.Replace(usual, "Host:", "X-Host:", 1), false},
		{"two hosts", strings.Replace(usual, "User-Agent: Sender/1", "host: other", 1), false},
		{"a folded line", strings.Replace(usual, "User-Agent", " User-Agent", 1), false},
		{"a name with a space", strings.Replace(usual, "User-Agent:", "User-Agent :", 1), false},
		{"a line feed alone", strings.Replace(usual, "Sender/1", "Sender\n/1", 1), false},
		{"more lines than usual", strings.Replace(usual, "User-Agent", strings.Repeat("X: y\r\n", 40)+"User-Agent", 1), false},
		{"half of it", usual[:60], false},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.ok, sameAsNetHTTP(t, &head{}, []byte(c.said))) })
	}
}

// FuzzHead: what is read here is what net/http reads, and nothing is consumed of what is left to it. Each head is read after another,
// of which nothing may be left.
func FuzzHead(f *testing.F) {
	f.Add([]byte(usual), []byte(strings.Replace(usual, "X-Sig", "Y-Sig", 1)))
	f.Add([]byte(strings.Replace(usual, "User-Agent", "Pragma", 1)), []byte(strings.Replace(usual, "shop", "/", 1)))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		h := &head{}
		sameAsNetHTTP(t, h, first)
		sameAsNetHTTP(t, h, second)
	})
}

func sameAsNetHTTP(t *testing.T, h *head, said []byte) (ok bool) {
	t.Helper()
	in := bufio.NewReader(bytes.NewReader(said))
	_, _ = in.Peek(1) // fills the buffer
	before := in.Buffered()
	got, ok := h.read(in)
	if !ok {
		require.Equal(t, before, in.Buffered())
		return false
	}
	reference := bufio.NewReader(bytes.NewReader(said))
	want, err := http.ReadRequest(reference)
	require.NoError(t, err)
	_, ok = check(want)
	require.True(t, ok)
	body, err := io.ReadAll(got.Body)
	wantBody, wantErr := io.ReadAll(want.Body)
	require.Equal(t, wantBody, body)
	require.Equal(t, wantErr, err)
	after, err := io.ReadAll(in)
	require.NoError(t, err)
	wantAfter, err := io.ReadAll(reference)
	require.NoError(t, err)
	require.Equal(t, wantAfter, after)
	got.Body, want.Body = nil, nil
	require.Equal(t, want, got)
	return true
}

func BenchmarkHead(b *testing.B) {
	for _, c := range []struct {
		name string
		read func(*head, *bufio.Reader) (*http.Request, bool)
	}{
		{"ours", (*head).read},
		{"net/http", func(_ *head, in *bufio.Reader) (*http.Request, bool) {
			r, err := http.ReadRequest(in)
			return r, err == nil
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			from := strings.NewReader(usual)
			in, h := bufio.NewReader(from), &head{}
			for b.Loop() {
				from.Reset(usual)
				in.Reset(from)
				_, _ = in.Peek(1)
				if _, ok := c.read(h, in); !ok {
					b.Fatal("not read")
				}
			}
		})
	}
}
