package fintoc

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hookfold/hookfold/pkg/provider"
)

func TestRedacted(t *testing.T) {
	cases := []struct{ name, in, want string }{
		{"nothing to take out", `{"id":"x","n":1.50}`, `{"id":"x","n":1.50}`},
		{"empty", `{}`, `{}`},
		{"the only member", `{"link_token":"a"}`, `{}`},
		{"first", `{"link_token":"a","b":1}`, `{"b":1}`},
		{"in the middle", `{"a":1,"widget_token":null,"b":2}`, `{"a":1,"b":2}`},
		{"last", `{"a":1,"exchange_token":"x"}`, `{"a":1}`},
		{"one behind the other", `{"link_token":"a","secret":"b","a":1,"session_token":2,"widget_token":3}`, `{"a":1}`},
		{"nothing else", `{"link_token":"a","secret":"b"}`, `{}`},
		{"twice", `{"link_token":"a","link_token":"b"}`, `{}`},
		{"deep", `{"a":[{"requires_mfa":{"widget_token":"t"}}],"b":{"secret":{"deep":["x","}"]},"c":1}}`, `{"a":[{"requires_mfa":{}}],"b":{"c":1}}`},
		{"camel case", `{"linkToken":"a","clientSecret":"b"}`, `{}`},
		{"name escaped", `{"link_\u0074oken":"a","b":"\"link_token\":"}`, `{"b":"\"link_token\":"}`},
		{"quote at the end of a value", `{"a":"x\\","link_token":"\\\"","b":"\""}`, `{"a":"x\\","b":"\""}`},
		{"a value that is called so", `{"kind":"link_token","b":["secret"]}`, `{"kind":"link_token","b":["secret"]}`},
		{"the moment at which it expires is none", `{"exchange_token_expires_at":1}`, `{"exchange_token_expires_at":1}`},
		{"spaces", "{ \"a\" : 1 ,\n \"link_token\" : \"x\" ,\n \"b\" : 2 }", "{ \"a\" : 1 ,\n \"b\" : 2 }"},
		{"spaces, first", "{ \"link_token\" : \"x\" , \"b\" : 2 }", "{  \"b\" : 2 }"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := string(redacted(c.in)); got != c.want {
				t.Errorf("redacted %s\ngot  %s\nwant %s", c.in, got, c.want)
			}
		})
	}
}

// FuzzRedacted holds the redaction, and the reading of members, against encoding/json.
func FuzzRedacted(f *testing.F) {
	for _, s := range []string{
		`{"a":1,"link_token":"x","b":[{"secret":null}]}`, `{"link_\u0074oken":"a","b":"\\\""}`, "{ \"token\" : -1e3 , \"b\" : true\t}\n", `{"":{},"secret":[]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		root, err := provider.ParseBody(body)
		if err != nil {
			return
		}
		raw := strings.TrimRight(root.Raw, space)
		got, want := parse(t, redacted(raw)), parse(t, []byte(raw))
		if diff := cmp.Diff(take(want), got); diff != "" {
			t.Errorf("redacted differently than by encoding/json: %s", diff)
		}
		whole, _ := parse(t, []byte(raw)).(map[string]any)
		members := make(map[string]any)
		value(raw).each(func(name string, v value) { members[name] = parse(t, []byte(v)) })
		if diff := cmp.Diff(whole, members); diff != "" {
			t.Errorf("members read differently than by encoding/json: %s", diff)
		}
	})
}

func parse(t *testing.T, data []byte) (v any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("no JSON: %v", err)
	}
	return v
}

// take takes credentials out of a decoded value.
func take(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if strings.HasSuffix(name, "oken") || strings.HasSuffix(name, "ecret") {
				delete(v, name)
			} else {
				v[name] = take(member)
			}
		}
	case []any:
		for i := range v {
			v[i] = take(v[i])
		}
	}
	return v
}
