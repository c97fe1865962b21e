package delfinance

import (
	"cmp"
	"net/http"
	"strings"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/provider/httpapi"
)

// The addresses of the API.
const (
	liveURL    = "https://api.delbank.com.br"
	sandboxURL = "https://apisandbox.delbank.com.br"
)

func baseURL(c *provider.Connection) string {
	if c.Mode == lifecycle.ModeTest {
		return cmp.Or(c.API.BaseURL, sandboxURL)
	}
	return cmp.Or(c.API.BaseURL, liveURL)
}

// newAPI is the API of a connection. Both headers go with every request, and in production a client certificate.
func newAPI(conn provider.Connection, c *http.Client) (*httpapi.API, error) {
	problems := checkAPI(conn)
	if conn.API.Secret == "" && len(problems) == 0 {
		problems = append(problems, noKey())
	}
	if base := baseURL(&conn); base == liveURL && conn.API.ClientCert == "" && len(problems) == 0 {
		problems = append(problems, noCertificate())
	}
	if err := httpapi.First(conn.Name, problems); err != nil {
		return nil, err
	}
	if conn.API.ClientCert != "" {
		var err error
		if c, err = httpapi.WithCertificate(c, conn.API.ClientCert, conn.API.ClientKey); err != nil {
			return nil, err
		}
	}
	key, account := conn.API.Secret, conn.API.AccountID
	return &httpapi.API{
		HTTP: c, Base: baseURL(&conn), Read: readError, Credentials: "api.secret, api.account_id and, in production, the client certificate and the addresses that Delfinance allows",
		Authorize: func(r *http.Request, _ []byte) error {
			r.Header.Set("x-delbank-api-key", key)
			r.Header.Set("x-delfinance-account-id", account)
			return nil
		},
	}, nil
}

// readError reads the four forms that errors come in:
//
//	{"message"}                                        the gateway: a key that is missing or blocked, a bad certificate
//	{"title", "status"?, "code", "errors": ["…"]}      the domain
//	{"type", "title", "status", "traceId", "errors": {"$.field": ["…"]}}   validation
//	{"type"?, "title": "Not Found", "status": 404}     no such entity
//
// With which HTTP status the gateway answers is not documented. It blocks a key that is tried too often, so that its refusals
// count as those of the key.
func readError(r httpapi.Response) httpapi.Reading {
	root, err := provider.ParseBody(r.Body)
	if err != nil {
		return httpapi.Reading{} // its status is all there is
	}
	code := provider.Text(root.Get("code"))
	switch {
	case root.Get("message").Exists() && code == "" && !root.Get("title").Exists():
		out := httpapi.Reading{Code: "gateway"}
		switch {
		case r.Status == http.StatusNotFound:
			out.Class, out.Hint = provider.Rejected, "the gateway knows no such path; check api.base_url"
		case r.Status/100 == 4 && r.Status != http.StatusTooManyRequests && r.Status != http.StatusRequestTimeout:
			out.Class = provider.Unauthorized
		}
		return out
	case strings.HasSuffix(code, "_NOT_FOUND"):
		return httpapi.Reading{Code: code, Missing: r.Status/100 == 4 && r.Status != http.StatusUnauthorized && r.Status != http.StatusForbidden}
	case root.Get("errors").IsObject():
		return httpapi.Reading{Code: "validation"}
	}
	return httpapi.Reading{Code: code}
}

func noKey() provider.Problem {
	return provider.Problem{
		Field: "api.secret",
		Text:  "Delfinance's API wants a key (the header x-delbank-api-key)",
		Mend:  "set api.secret to the account's API key",
	}
}

func noCertificate() provider.Problem {
	return provider.Problem{
		Field: "api.client_cert",
		Text:  "Delfinance's production wants a client certificate",
		Mend:  "set api.client_cert and api.client_key to the PEM files of the certificate that is registered there, or api.base_url to a proxy that shows it",
	}
}

func checkAPI(c provider.Connection) []provider.Problem {
	if c.API == (provider.API{}) {
		return nil
	}
	var out []provider.Problem
	add := func(field, text, mend string) {
		out = append(out, provider.Problem{Field: field, Text: text, Mend: mend})
	}
	if c.API.Secret == "" {
		out = append(out, noKey())
	}
	if c.API.AccountID == "" {
		add("api.account_id", "Delfinance's API wants the bank account's number beside the key (the header x-delfinance-account-id)",
			"set api.account_id to the number of the account that the key belongs to")
	}
	host := httpapi.Host(c.API.BaseURL)
	switch {
	case c.API.BaseURL == "":
	case !httpapi.IsAddress(c.API.BaseURL):
		add("api.base_url", "this is no http or https address", "leave it out for Delfinance's own, "+liveURL+" and "+sandboxURL)
	case c.Mode == lifecycle.ModeLive && host == httpapi.Host(sandboxURL):
		add("api.base_url", "the connection is live, but the address is the sandbox's", "leave it out for "+liveURL+", or set mode test")
	case c.Mode == lifecycle.ModeTest && host == httpapi.Host(liveURL):
		add("api.base_url", "the connection is of the sandbox, but the address is production's", "leave it out for "+sandboxURL+", or set mode live")
	}
	switch cert, key := c.API.ClientCert != "", c.API.ClientKey != ""; {
	case cert != key:
		add("api.client_cert", "a client certificate and its key belong together, and one is missing", "set both api.client_cert and api.client_key")
	case cert:
		if _, err := httpapi.Certificate(c.API.ClientCert, c.API.ClientKey); err != nil {
			add("api.client_cert", "the certificate cannot be used: "+err.Error(), "give the paths of PEM files that belong together and can be read")
		}
	case c.Mode == lifecycle.ModeLive && (c.API.BaseURL == "" || host == httpapi.Host(liveURL)):
		out = append(out, noCertificate())
	}
	out = append(out, httpapi.Spaced(c.API)...)
	return append(out, httpapi.Unused(c.API, "Delfinance", "secret", "account_id", "client_cert", "client_key")...)
}
