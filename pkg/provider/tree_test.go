package provider_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
	"pgregory.net/rapid"

	"github.com/hookfold/hookfold/pkg/provider"
)

// FuzzTree holds what a Tree finds against gjson and encoding/json.
func FuzzTree(f *testing.F) {
	for _, body := range bodies(f) {
		f.Add(body)
	}
	for _, text := range []string{
		`{}`, ` {"a" : [ ] , "b" : { } } `, `{"a":[1,-0.5e+3,"x\u00e9\\\"",true,false,null,[[]],{"a":{"a":1}}]}`, `{"a":{},"a":{"b":1},"a":{"b":2}}`,
		`{"\u0061":1,"a\\":2,"":3}`, `{"a":01}`, `{"a":1.}`, `{"a":"\ud800"}`, `{"a":"` + "\x1f" + `"}`, `{"a":"` + "\xc3\xa9\xff" + `"}`, `{"a":tru}`, `{,}`, `{"a":[1,]}`,
		strings.Repeat(`{"a":`, 127) + "{}" + strings.Repeat("}", 127), strings.Repeat(`{"a":`, 128) + "{}" + strings.Repeat("}", 128),
		`{"a":[` + strings.Repeat(`{"b":"c"},`, 100) + `1]}`, `{"a":1}]`, `{"a":[}`,
		`{"a":[` + strings.Repeat(`[{"b":[]}],{},`, 1000) + `1]}`, `{"a":` + strings.Repeat("[", 128) + strings.Repeat("]", 128) + `}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(checkTree)
}

// TestTree is FuzzTree with bodies that are JSON more often: such as are drawn, and then spoiled in one place.
func TestTree(t *testing.T) {
	samples := bodies(t)
	rapid.Check(t, func(rt *rapid.T) {
		body := []byte(`{"a":` + drawJSON(rt, 4) + `,` + drawText(rt) + `:` + drawJSON(rt, 4) + `}`)
		if rapid.IntRange(0, 3).Draw(rt, "sample") == 0 {
			body = bytes.Clone(rapid.SampledFrom(samples).Draw(rt, "body"))
		}
		checkTree(t, body)
		at := rapid.IntRange(0, len(body)-1).Draw(rt, "at")
		body[at] = rapid.SampledFrom([]byte("\"\\{}[],:0.-eu \x00\x1f\x80\xffx")).Draw(rt, "byte")
		checkTree(t, body)
		checkTree(t, body[:at])
	})
}

func checkTree(t *testing.T, body []byte) {
	before := bytes.Clone(body)
	var tree provider.Tree
	root, err := tree.Read(body)
	var parked *provider.Parked
	if want := refused(body); (err == nil) != (want == "") || err != nil && (!errors.As(err, &parked) || parked.Detail != want) {
		t.Fatalf("%q gives %v, want %q", body, err, want)
	}
	if err != nil {
		return
	}
	compareValues(t, root, gjson.ParseBytes(bytes.TrimSpace(body)))
	r, err := provider.ViewBody(body)
	if want := gjson.ParseBytes(body); err != nil || r.Raw != want.Raw || r.Type != want.Type || r.Index != want.Index {
		t.Fatalf("%q is viewed as %+v, error %v", body, r, err)
	}
	if !bytes.Equal(body, before) {
		t.Fatal("the body was changed")
	}
}

// refused is why a body is not taken, found by others' parsers; empty where it is.
func refused(body []byte) string {
	var object map[string]json.RawMessage
	switch {
	case len(body) == 0:
		return "the body is empty"
	case !utf8.Valid(body):
		return "the body is not UTF-8"
	case nesting(body) > 128:
		return "the body nests deeper than 128 levels"
	case !gjson.ValidBytes(body) || !json.Valid(body):
		return "the body is not JSON"
	case json.Unmarshal(body, &object) != nil || object == nil:
		return "the body is JSON, but not an object"
	default:
		return ""
	}
}

// nesting is how deep brackets outside of strings nest.
func nesting(body []byte) (deepest int) {
	now, quoted := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == '{' || c == '['):
			now++
		case !quoted && (c == '}' || c == ']'):
			now--
		}
		deepest = max(deepest, now)
	}
	return deepest
}

func compareValues(t *testing.T, got provider.Value, want gjson.Result) {
	t.Helper()
	if got.Exists() != want.Exists() || got.Raw() != want.Raw || string(got.View()) != want.Raw || got.IsObject() != want.IsObject() ||
		got.Text() != provider.Text(want) || got.Currency() != provider.Currency(want) || !got.Time().Equal(provider.Time(want)) {
		t.Fatalf("%q, want %q", got.Raw(), want.Raw)
	}
	if n, m := got.Minor(), provider.Minor(want); (n == nil) != (m == nil) || n != nil && *n != *m {
		t.Fatalf("%q is another amount", want.Raw)
	}
	member := got.First()
	if want.IsObject() || want.IsArray() {
		want.ForEach(func(key, v gjson.Result) bool {
			if !member.Exists() || member.Key() != key.Str {
				t.Fatalf("%q: a member is not %q", want.Raw, key.Str)
			}
			compareValues(t, member, v)
			member = member.Next()
			return true
		})
	}
	if member.Exists() {
		t.Fatalf("%q has more members than it should: %q", want.Raw, member.Raw())
	}
	for _, path := range []string{"a", "b", "a.b", "a.a.a", "id", "data.object", "data.object.id"} {
		if v, w := got.Get(strings.Split(path, ".")...), want.Get(path); v.Raw() != w.Raw || v.Exists() != w.Exists() {
			t.Fatalf("%q: %s is %q, want %q", want.Raw, path, v.Raw(), w.Raw)
		}
	}
}

func TestValueThatIsNotThere(t *testing.T) {
	var tree provider.Tree
	root, err := tree.Read([]byte(`{"a":[{"b":1}],"s":"x"}`))
	require.NoError(t, err)
	for _, v := range []provider.Value{{}, root.Get("b"), root.Get("a", "b"), root.Get("s", "x")} {
		require.False(t, v.Exists())
		require.False(t, v.IsObject())
		require.Empty(t, v.Raw()+v.Text()+v.Currency())
		require.Empty(t, v.View())
		require.Nil(t, v.Minor())
		require.True(t, v.Time().IsZero())
		require.False(t, v.Get("a").Exists())
		require.False(t, v.First().Exists())
	}
	require.True(t, root.Get().IsObject(), "no way leads to the value itself")
}

// bodies are the samples of all providers.
func bodies(t testing.TB) (out [][]byte) {
	files, err := filepath.Glob("../../testdata/deliveries/*/*")
	require.NoError(t, err)
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // a folder
		}
		if _, body, ok := bytes.Cut(text, []byte("\n\n")); ok && strings.HasSuffix(name, ".http") {
			text = body
		}
		out = append(out, text)
	}
	require.NotEmpty(t, out)
	return out
}

func drawJSON(t *rapid.T, depth int) string {
	space := rapid.SampledFrom([]string{"", "", "", " ", "\n\t", "\r"}).Draw(t, "space")
	n := rapid.IntRange(0, 3).Draw(t, "members")
	switch kind := rapid.IntRange(0, 6).Draw(t, "kind"); {
	case kind == 0 && depth > 0:
		members := make([]string, n)
		for i := range members {
			members[i] = space + drawJSON(t, depth-1) + space
		}
		return "[" + strings.Join(members, ",") + space + "]"
	case kind <= 2 && depth > 0:
		members := make([]string, n)
		for i := range members {
			members[i] = space + drawText(t) + space + ":" + space + drawJSON(t, depth-1)
		}
		return "{" + strings.Join(members, ","+space) + space + "}"
	case kind == 3:
		return rapid.SampledFrom([]string{"0", "-0", "10", "1.50", "-12.0e-3", "1E+7", "9223372036854775808", "100.00"}).Draw(t, "number")
	case kind == 4:
		return rapid.SampledFrom([]string{"null", "true", "false", `"2026-03-01T12:00:00.5Z"`}).Draw(t, "literal")
	default:
		return drawText(t)
	}
}

// drawText draws a string, most often one of few, so that keys repeat.
func drawText(t *rapid.T) string {
	if rapid.Bool().Draw(t, "usual") {
		return rapid.SampledFrom([]string{`"a"`, `"b"`, `"\u0061"`, `"id"`, `"data"`, `"object"`, `""`, `"12"`}).Draw(t, "usual text")
	}
	parts := rapid.SliceOfN(rapid.SampledFrom([]string{"x", "abcdefgh", "é", "{", "]", `\"`, `\\`, `\n`, `\u00e9`, `\ud83d\ude00`, `\ud800`, "\u2028", "/"}), 0, 12)
	return `"` + strings.Join(parts.Draw(t, "parts"), "") + `"`
}
