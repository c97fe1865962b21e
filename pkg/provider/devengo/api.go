package devengo

import (
	"cmp"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/provider/httpapi"
)

// The addresses of the API.
const (
	liveURL    = "https://api.devengo.com/v1"
	sandboxURL = "https://api." + sandboxHost + ".devengo.com/v1"
)

// signatureLife is how far from the server's time a signed request may be.
const signatureLife = 60 * time.Second

func baseURL(c *provider.Connection) string {
	if c.Mode == lifecycle.ModeTest {
		return cmp.Or(c.API.BaseURL, sandboxURL)
	}
	return cmp.Or(c.API.BaseURL, liveURL)
}

// newAPI is the API of a connection: with signed requests where there is a key, with tokens where there is a password.
func newAPI(conn provider.Connection, c *http.Client) (*httpapi.API, *tokens, error) {
	problems := checkAPI(conn)
	if conn.API.KeyID == "" && conn.API.Email == "" && len(problems) == 0 {
		problems = append(problems, provider.Problem{Field: "api.key_id", Text: "no credentials for Devengo's API",
			Mend: "set api.key_id and api.secret to an API key from the Control Panel"})
	}
	if err := httpapi.First(conn.Name, problems); err != nil {
		return nil, nil, err
	}
	api := &httpapi.API{HTTP: c, Base: baseURL(&conn), Read: read}
	if conn.API.KeyID != "" {
		keyID, secret := conn.API.KeyID, []byte(conn.API.Secret)
		api.Credentials = "api.key_id, api.secret and this machine's clock"
		api.Authorize = func(r *http.Request, body []byte) error {
			nonce := make([]byte, 16)
			_, _ = rand.Read(nonce) // never fails
			authorize(r.Header, keyID, secret, hex.EncodeToString(nonce), time.Now(), body)
			return nil
		}
		return api, nil, nil
	}
	api.Credentials = "api.email and api.password"
	return api, newTokens(*api, conn.API.Email, conn.API.Password), nil
}

// authorize adds the headers of a signed request. Method, path and query are not signed.
func authorize(h http.Header, keyID string, secret []byte, nonce string, at time.Time, body []byte) {
	seconds := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, secret)
	if len(body) > 0 {
		mac.Write([]byte(base64.StdEncoding.EncodeToString(body)))
	}
	mac.Write([]byte(nonce + seconds + keyID))
	h.Set("X-Devengo-Api-Key-Id", keyID)
	h.Set("X-Devengo-Api-Key-Nonce", nonce)
	h.Set("X-Devengo-Api-Key-Timestamp", seconds)
	h.Set("X-Devengo-Api-Key-Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

// read reads an error: {"error": {"type": "https://errors.devengo.com/CODE" or a word, "code": …}}. The code is announced to go, so
// the type comes first.
func read(r httpapi.Response) httpapi.Reading {
	var out httpapi.Reading
	if root, err := provider.ParseBody(r.Body); err == nil { // a proxy's page has no code
		word := provider.Text(root.Get("error.type"))
		out.Code = cmp.Or(word[strings.LastIndexByte(word, '/')+1:], provider.Text(root.Get("error.code")))
	}
	switch r.Status {
	case http.StatusUnauthorized:
		if r.Date.IsZero() {
			break
		}
		if off := time.Since(r.Date).Round(time.Second); off.Abs() > signatureLife {
			out.Hint = "this machine's clock differs from Devengo's by " + off.Abs().String() + "; set the clock"
		}
	case http.StatusTooManyRequests:
		if reset, err := strconv.ParseInt(r.Header.Get("X-RateLimit-Reset"), 10, 64); err == nil {
			out.Wait = httpapi.Until(&r, time.Unix(reset, 0))
		}
	}
	return out
}

// checkAPI looks at the credentials of look-ups. They may be absent altogether.
func checkAPI(c provider.Connection) []provider.Problem {
	if c.API == (provider.API{}) {
		return nil
	}
	var out []provider.Problem
	add := func(field, text, mend string) {
		out = append(out, provider.Problem{Field: field, Text: text, Mend: mend})
	}

	key, login := c.API.KeyID != "" || c.API.Secret != "", c.API.Email != "" || c.API.Password != ""
	switch {
	case key && login:
		add("api.email", "both an API key and a login", "keep the key (api.key_id, api.secret) and remove api.email and api.password")
	case key && c.API.Secret == "":
		add("api.secret", "an API key's id without its secret", "set the secret that the Control Panel showed when the key was made")
	case key && c.API.KeyID == "":
		add("api.key_id", "an API key's secret without its id", "set the key's id from the Control Panel")
	case login && c.API.Password == "":
		add("api.password", "a login without its password", "set the password, or better an API key (api.key_id, api.secret)")
	case login && c.API.Email == "":
		add("api.email", "a password without its login", "set the login's e-mail address, or better an API key (api.key_id, api.secret)")
	}
	if c.API.BaseURL != "" {
		u, err := url.Parse(c.API.BaseURL)
		switch {
		case err != nil || !httpapi.IsAddress(c.API.BaseURL):
			add("api.base_url", "this is no http or https address", "set "+liveURL+", or "+sandboxURL+" for the sandbox")
		case c.Mode == lifecycle.ModeLive && strings.Contains(u.Host, sandboxHost):
			add("api.base_url", "the connection is live, but the address is the sandbox's", "set "+liveURL+", or mode test")
		case c.Mode == lifecycle.ModeTest && u.Host == "api.devengo.com":
			add("api.base_url", "the connection is of the sandbox, but the address is production's", "set "+sandboxURL+", or mode live")
		}
	}
	if c.Mode == lifecycle.ModeLive && strings.HasPrefix(c.API.KeyID, "tst_") {
		add("api.key_id", "the connection is live, but the API key is the sandbox's", "set a key of production, or mode test")
	}
	out = append(out, httpapi.Spaced(c.API)...)
	return append(out, httpapi.Unused(c.API, "Devengo", "key_id", "secret", "email", "password")...)
}
