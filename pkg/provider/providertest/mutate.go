package providertest

import (
	"bytes"
	"encoding/json"
	"strconv"
	"testing"

	"github.com/tidwall/gjson"

	"github.com/hookfold/hookfold/pkg/provider"
)

// status finds the status of a body by StatusPaths: its word and path, both empty where there is none.
func (s *suite) status(body []byte) (word, path string) {
	for _, path := range s.f.StatusPaths {
		if r := gjson.GetBytes(body, path); r.Type == gjson.String && r.Str != "" {
			return r.Str, path
		}
	}
	return "", ""
}

// splice puts a string in the place of the value at a path, leaving every other byte alone.
func splice(body []byte, path, text string) []byte {
	r := gjson.GetBytes(body, path)
	if !r.Exists() || r.Index == 0 {
		return body
	}
	out := bytes.Clone(body[:r.Index])
	out = append(out, strconv.Quote(text)...)
	return append(out, body[r.Index+len(r.Raw):]...)
}

// reserialised is the same JSON in other bytes: keys sorted, spaces added, numbers kept as they are written.
func reserialised(t testing.TB, body []byte) []byte {
	t.Helper()
	v, ok := decodeJSON(body)
	if !ok {
		return body
	}
	out, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func decodeJSON(body []byte) (any, bool) {
	var v any
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	return v, dec.Decode(&v) == nil
}

// mutations are the body with each of its values, at any depth, in turn taken out, and replaced by values of other types.
func mutations(body []byte) [][]byte {
	root, ok := decodeJSON(body)
	if !ok {
		return nil
	}
	var out [][]byte
	add := func() {
		if b, err := json.Marshal(root); err == nil {
			out = append(out, b)
		}
	}
	others := []any{nil, "", "x", "\x00", json.Number("-1"), json.Number("1e400"), json.Number("1.5"), true, map[string]any{}, []any{}, []any{nil}}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for key, old := range v {
				walk(old)
				delete(v, key)
				add()
				for _, other := range others {
					v[key] = other
					add()
				}
				v[key] = old
			}
		case []any:
			for i, old := range v {
				walk(old)
				for _, other := range others {
					v[i] = other
					add()
				}
				v[i] = old
			}
		}
	}
	walk(root)
	return out
}

// personal are the longer texts in the names, numbers and descriptions of a body: all strings, except those that look like
// a word of the provider's vocabulary.
func personal(body []byte) []string {
	var out []string
	var walk func(r gjson.Result)
	walk = func(r gjson.Result) {
		if r.IsObject() || r.IsArray() {
			r.ForEach(func(_, v gjson.Result) bool { walk(v); return true })
			return
		}
		if r.Type == gjson.String && !isWord(r.Str) {
			out = append(out, r.Str)
		}
	}
	if root, err := provider.ParseBody(body); err == nil {
		walk(root)
	}
	return out
}

// isWord says whether a text is letters, dots, dashes and underscores only: a type, a status, a kind.
func isWord(s string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '.' && r != '_' && r != '-' {
			return false
		}
	}
	return true
}
