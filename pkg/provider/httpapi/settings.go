package httpapi

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/hookfold/hookfold/pkg/provider"
)

// Unused are the problems of settings that a provider does not use. used names those that it does.
func Unused(api provider.API, name string, used ...string) []provider.Problem {
	var out []provider.Problem
	for _, setting := range []struct{ field, value string }{
		{"key_id", api.KeyID}, {"secret", api.Secret}, {"account_id", api.AccountID}, {"email", api.Email}, {"password", api.Password},
		{"token", api.Token}, {"version", api.Version}, {"client_cert", api.ClientCert}, {"client_key", api.ClientKey},
	} {
		if setting.value != "" && !slices.Contains(used, setting.field) {
			out = append(out, provider.Problem{
				Field: "api." + setting.field,
				Text:  name + "'s API does not use this setting",
				Mend:  "remove it; used are " + strings.Join(used, ", "),
			})
		}
	}
	return out
}

// Spaced are the problems of settings that a header cannot carry as they are: with white space around, or control characters
// inside.
func Spaced(api provider.API) []provider.Problem {
	var out []provider.Problem
	for _, setting := range []struct{ field, value string }{
		{"key_id", api.KeyID}, {"secret", api.Secret}, {"account_id", api.AccountID}, {"token", api.Token}, {"version", api.Version},
	} {
		if strings.TrimSpace(setting.value) != setting.value || strings.ContainsFunc(setting.value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			out = append(out, provider.Problem{
				Field: "api." + setting.field,
				Text:  "white space around the value, or a line break within",
				Mend:  "remove it; a line break at the end of a secret's file is the usual cause",
			})
		}
	}
	return out
}

// First is the first of the problems as an error, nil where there are none.
func First(connection string, problems []provider.Problem) error {
	if len(problems) == 0 {
		return nil
	}
	p := problems[0]
	return fmt.Errorf("connection %s: %s: %s: %s", connection, p.Field, p.Text, p.Mend)
}

// Refused is the error of a webhook that Check found fault with, nil where it found none.
func Refused(problems []provider.Problem) error {
	if len(problems) == 0 {
		return nil
	}
	p := problems[0]
	return &provider.APIError{Class: provider.Rejected, Text: p.Field + ": " + p.Text + ": " + p.Mend}
}

// IsAddress says whether a text is an absolute http or https address with a host, and without credentials, query or fragment.
func IsAddress(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil && u.RawQuery == "" && u.Fragment == ""
}

// Host is the host of an address, in lower case and without its port; empty where there is none.
func Host(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "" // no address, no host
	}
	return strings.ToLower(u.Hostname())
}

// IsPlayed says whether an address is of this machine or of a private network: whoever answers there is not the provider, but
// plays it, and makes its own rules.
func IsPlayed(address string) bool {
	host := Host(address)
	return host != "" && isPrivate(host)
}

// WebhookURL is what is wrong with the address of a webhook that is to be reached by https; plain http is let pass where the
// provider is played.
func WebhookURL(text, base string) []provider.Problem {
	problem := func(text, mend string) []provider.Problem {
		return []provider.Problem{{Field: "url", Text: text, Mend: mend}}
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.Opaque != "":
		return problem("this is no absolute address", "give https://HOST/webhooks/CONNECTION")
	case u.Scheme != "https" && !(u.Scheme == "http" && IsPlayed(base)):
		return problem("the provider wants an https address", "give https://HOST/webhooks/CONNECTION")
	case u.Fragment != "":
		return problem("an address with a fragment, which no request carries", "remove # and what follows it")
	case !IsPlayed(base) && isPrivate(u.Hostname()):
		return problem("the provider cannot reach an address of this machine or of a private network", "give the public name of the endpoint, or a tunnel's")
	}
	return nil
}

// isPrivate says whether a host is one that only this machine or its network can reach.
func isPrivate(host string) bool {
	ip, err := netip.ParseAddr(host)
	if err != nil {
		host = strings.ToLower(strings.TrimSuffix(host, "."))
		return host == "localhost" || strings.HasSuffix(host, ".localhost") || !strings.Contains(host, ".")
	}
	return ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast() || ip.IsUnspecified()
}

// WithCertificate is a client that shows a certificate. The files are read again for each new connection, so that a renewed
// certificate is taken up; both may also hold PEM themselves.
func WithCertificate(c *http.Client, cert, key string) (*http.Client, error) {
	if _, err := Certificate(cert, key); err != nil {
		return nil, err
	}
	out := http.Client{}
	if c != nil {
		out = *c
	}
	if out.Transport == nil {
		out.Transport = http.DefaultTransport
	}
	transport, ok := out.Transport.(*http.Transport)
	if !ok {
		return nil, fmt.Errorf("a client certificate needs a plain *http.Transport, and the client has a %T", out.Transport)
	}
	transport = transport.Clone()
	if transport.TLSClientConfig == nil {
		transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	transport.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return Certificate(cert, key)
	}
	out.Transport = transport
	return &out, nil
}

// Certificate reads a certificate and its private key: paths of PEM files, or PEM. The error holds nothing of either.
func Certificate(cert, key string) (*tls.Certificate, error) {
	inline := strings.Contains(cert, "-----BEGIN")
	if inline != strings.Contains(key, "-----BEGIN") {
		return nil, errors.New("api.client_cert and api.client_key: give both as paths, or both as PEM")
	}
	load := tls.LoadX509KeyPair
	if inline {
		load = func(cert, key string) (tls.Certificate, error) { return tls.X509KeyPair([]byte(cert), []byte(key)) }
	}
	pair, err := load(cert, key)
	var file *fs.PathError
	if errors.As(err, &file) {
		err = file.Err // the path may be no path but a key
	}
	if err != nil {
		return nil, fmt.Errorf("api.client_cert and api.client_key: %w", err)
	}
	return &pair, nil
}
