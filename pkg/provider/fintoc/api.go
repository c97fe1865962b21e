package fintoc

import (
	"cmp"
	"net/http"
	"strings"
	"time"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/provider/httpapi"
)

// baseURL is the address of the API, the same for both modes: the key decides. Paths begin with /v1 or /v2.
const baseURL = "https://api.fintoc.com"

// version is the dated version that is asked for where the connection names none. An account is pinned to a version, and the
// request's stands above it; the v2 paths of payments are there from this one on.
const version = "2026-02-01"

// newAPI is the API of a connection.
func newAPI(conn provider.Connection, c *http.Client) (*httpapi.API, error) {
	problems := apiProblems(&conn)
	if conn.API.Secret == "" && len(problems) == 0 {
		problems = append(problems, noKey())
	}
	if err := httpapi.First(conn.Name, problems); err != nil {
		return nil, err
	}
	key, dated := conn.API.Secret, cmp.Or(conn.API.Version, version)
	return &httpapi.API{
		HTTP: c, Base: cmp.Or(conn.API.BaseURL, baseURL), Read: readError, Credentials: "api.secret",
		Authorize: func(r *http.Request, _ []byte) error {
			r.Header.Set("Authorization", key)
			r.Header.Set("Fintoc-Version", dated)
			return nil
		},
	}, nil
}

// readError reads an error: {"error": {"type", "code", "message", …}}.
func readError(r httpapi.Response) httpapi.Reading {
	root, err := provider.ParseBody(r.Body)
	if err != nil {
		return httpapi.Reading{} // not Fintoc's own: its status is all there is
	}
	kind := provider.Text(root.Get("error.type"))
	out := httpapi.Reading{Code: cmp.Or(provider.Text(root.Get("error.code")), kind)}
	switch out.Code {
	case "invalid_url": // the path is wrong, which says nothing of the entity
		out.Class = provider.Rejected
	case "product_access_required": // other products can still be asked for
		out.Class, out.Hint = provider.Rejected, "the Fintoc account does not have this product"
	case "invalid_api_version":
		out.Class, out.Hint = provider.Rejected, "check api.version"
	case "allowed_cidr_blocks_does_not_contain_ip":
		out.Hint = "allow this machine's address at Fintoc"
	}
	if kind == "institution_error" && out.Class == "" && r.Status != http.StatusTooManyRequests {
		out.Class = provider.Unavailable // the bank's fault, which passes
	}
	return out
}

// checkAPI looks at the credentials for look-ups, which a connection may do without.
func checkAPI(c *provider.Connection, add func(field, text, mend string)) {
	for _, p := range apiProblems(c) {
		add(p.Field, p.Text, p.Mend)
	}
}

func noKey() provider.Problem {
	return provider.Problem{Field: "api.secret", Text: "no key for Fintoc's API", Mend: "set api.secret to the secret key of the connection's mode, sk_live_… or sk_test_…"}
}

func apiProblems(c *provider.Connection) []provider.Problem {
	var out []provider.Problem
	add := func(field, text, mend string) {
		out = append(out, provider.Problem{Field: field, Text: text, Mend: mend})
	}
	key := c.API.Secret
	switch {
	case key == "":
		if c.API.Version != "" {
			out = append(out, noKey())
		}
	case strings.HasPrefix(key, "pk_"):
		add("api.secret", "this is a public key, which may not read entities", "give the secret key of the same mode; it begins with sk_live_ or sk_test_")
	case !strings.HasPrefix(key, "sk_"):
		add("api.secret", "this is not a secret key of Fintoc's API", "secret keys begin with sk_live_ or sk_test_")
	case c.Mode == lifecycle.ModeLive && strings.HasPrefix(key, "sk_test_"), c.Mode == lifecycle.ModeTest && strings.HasPrefix(key, "sk_live_"):
		add("api.secret", "the key is of the other mode than the connection", "live and test objects never mix: give the key of mode "+string(c.Mode))
	}
	if v := c.API.Version; v != "" {
		if _, err := time.Parse(time.DateOnly, v); err != nil {
			add("api.version", "Fintoc's versions are dates", "give one such as "+version+", or leave it out for that")
		}
	}
	switch base := c.API.BaseURL; {
	case base == "":
	case !httpapi.IsAddress(base):
		add("api.base_url", "this is not an absolute http or https URL", "leave it out for "+baseURL)
	case strings.HasSuffix(strings.TrimSuffix(base, "/"), "/v1"), strings.HasSuffix(strings.TrimSuffix(base, "/"), "/v2"):
		add("api.base_url", "the address ends with a version, and both are needed", "remove it: /v1 and /v2 are chosen by what is asked for")
	}
	out = append(out, httpapi.Spaced(c.API)...)
	return append(out, httpapi.Unused(c.API, "Fintoc", "secret", "version")...)
}
