package yoco

import (
	"cmp"
	"net/http"
	"strings"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/provider/httpapi"
)

// The addresses of Yoco's surfaces. An api.base_url that is not one of them stands in for all of them: their paths do not meet.
const (
	checkoutURL  = "https://payments.yoco.com/api"    // checkouts, webhooks
	refundsURL   = "https://payments-online.yoco.com" // the refunds of a payment
	versionedURL = "https://api.yoco.com"             // the versioned API: payments and refunds, with a token of its own
	sandboxURL   = "https://api.yocosandbox.com"      // the same in test mode
)

// surfaces are the APIs of a connection. One without a credential is nil.
type surfaces struct{ checkout, refunds, versioned *httpapi.API }

func newSurfaces(conn provider.Connection, c *http.Client) (s surfaces, err error) {
	if err := httpapi.First(conn.Name, checkAPI(conn)); err != nil {
		return s, err
	}
	surface := func(own, credential, setting string) *httpapi.API {
		if credential == "" {
			return nil
		}
		base := own
		if !isYoco(conn.API.BaseURL) {
			base = cmp.Or(conn.API.BaseURL, own)
		}
		return &httpapi.API{HTTP: c, Base: base, Read: readError, Credentials: setting, Authorize: func(r *http.Request, _ []byte) error {
			r.Header.Set("Authorization", "Bearer "+credential)
			return nil
		}}
	}
	s.checkout = surface(checkoutURL, conn.API.Secret, "api.secret")
	s.refunds = surface(refundsURL, conn.API.Secret, "api.secret")
	s.versioned = surface(versionedURL, conn.API.Token, "api.token")
	if isTest(&conn) {
		s.versioned = surface(sandboxURL, conn.API.Token, "api.token")
	}
	return s, nil
}

// isTest says whether a connection is of test mode; where it is of both, its key decides.
func isTest(c *provider.Connection) bool {
	return c.Mode == lifecycle.ModeTest || c.Mode == lifecycle.ModeBoth && strings.HasPrefix(c.API.Secret, prefixTest)
}

// isYoco says whether an address is one of Yoco's own.
func isYoco(address string) bool {
	host := httpapi.Host(address)
	return strings.HasSuffix(host, ".yoco.com") || strings.HasSuffix(host, ".yocosandbox.com")
}

// readError reads an error. That of the Checkout API is not published, {"errorCode", …} has been seen; the versioned API answers
// with problem details, {"type", "title", "status", "code", …}.
func readError(r httpapi.Response) httpapi.Reading {
	root, err := provider.ParseBody(r.Body)
	if err != nil {
		return httpapi.Reading{} // its status is all there is
	}
	return httpapi.Reading{Code: cmp.Or(provider.Text(root.Get("errorCode")), provider.Text(root.Get("code")), provider.Text(root.Get("errorType")))}
}

func noKey() provider.Problem {
	return provider.Problem{Field: "api.secret", Text: "no key for Yoco's Checkout API", Mend: "set api.secret to the secret key from Yoco's portal, sk_live_… or sk_test_…"}
}

func checkAPI(c provider.Connection) []provider.Problem {
	var out []provider.Problem
	add := func(field, text, mend string) {
		out = append(out, provider.Problem{Field: field, Text: text, Mend: mend})
	}
	live, test := strings.HasPrefix(c.API.Secret, prefixLive), strings.HasPrefix(c.API.Secret, prefixTest)
	switch {
	case c.API.Secret == "":
	case strings.HasPrefix(c.API.Secret, prefixSecret):
		add("api.secret", "this is a webhook secret, not an API key", "give the secret key that begins with sk_live_ or sk_test_")
	case !live && !test:
		add("api.secret", "Yoco's secret keys begin with sk_live_ or sk_test_, this one does not", "copy the secret key from Yoco's portal (not the public key)")
	case live && c.Mode == lifecycle.ModeTest:
		add("api.secret", "the connection is of mode test, but the key is a live key", "give the sk_test_ key, or set mode: live")
	case test && c.Mode == lifecycle.ModeLive:
		add("api.secret", "the connection is of mode live, but the key is a test key", "give the sk_live_ key, or set mode: test")
	}
	if strings.HasPrefix(c.API.Token, prefixLive) || strings.HasPrefix(c.API.Token, prefixTest) {
		add("api.token", "this is a secret key of the Checkout API, which the versioned API does not accept",
			"put it under api.secret; api.token is an access token with the scope business/orders:read")
	}
	switch {
	case c.API.BaseURL == "":
	case !httpapi.IsAddress(c.API.BaseURL):
		add("api.base_url", "the address is not an absolute URL", "leave it out for Yoco's own, "+checkoutURL)
	}
	out = append(out, httpapi.Spaced(c.API)...)
	return append(out, httpapi.Unused(c.API, "Yoco", "secret", "token")...)
}
