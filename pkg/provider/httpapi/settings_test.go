package httpapi_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/provider/httpapi"
	"github.com/hookfold/hookfold/pkg/provider/httpapi/apitest"
)

func TestWebhookURL(t *testing.T) {
	const theirs, played = "https://api.example.com", "http://127.0.0.1:9000/v1"
	for _, test := range []struct{ address, base, text string }{
		{"https://hooks.example.com/webhooks/x", theirs, ""},
		{"https://hooks.example.com:8443/webhooks/x?a=b", theirs, ""},
		{"http://hooks.example.com/webhooks/x", theirs, "https"},
		{"http://127.0.0.1:8080/webhooks/x", played, ""},
		{"http://hookfold:8080/webhooks/x", "http://simulator:9000", ""},
		{"https://127.0.0.1/webhooks/x", theirs, "private network"},
		{"https://localhost/webhooks/x", theirs, "private network"},
		{"https://[::1]/webhooks/x", theirs, "private network"},
		{"https://10.1.2.3/webhooks/x", theirs, "private network"},
		{"https://hookfold/webhooks/x", theirs, "private network"},
		{"https://hooks.example.com/webhooks/x#y", theirs, "fragment"},
		{"hooks.example.com/webhooks/x", theirs, "absolute"},
		{"https:hooks.example.com", theirs, "absolute"},
		{"https://:80/x", theirs, "absolute"},
		{"ftp://hooks.example.com/x", theirs, "https"},
		{"https://%zz", theirs, "absolute"},
		{"", theirs, "absolute"},
	} {
		problems := httpapi.WebhookURL(test.address, test.base)
		if test.text == "" && len(problems) > 0 || test.text != "" && (len(problems) != 1 || !strings.Contains(problems[0].Text, test.text) || problems[0].Mend == "") {
			t.Errorf("%s at %s: %+v, want %q", test.address, test.base, problems, test.text)
		}
	}
}

func TestSettings(t *testing.T) {
	all := provider.API{KeyID: "a", Secret: "b ", AccountID: "c\nd", Email: "e", Password: "f ", Token: "g", Version: "h", ClientCert: "i", ClientKey: "j"}
	var fields []string
	for _, p := range append(httpapi.Unused(all, "X", "secret", "token"), httpapi.Spaced(all)...) {
		fields = append(fields, strings.TrimPrefix(p.Field, "api."))
	}
	const want = "key_id account_id email password version client_cert client_key secret account_id"
	if got := strings.Join(fields, " "); got != want {
		t.Errorf("problems with %s, want %s", got, want)
	}
	if httpapi.First("x", nil) != nil || httpapi.Refused(nil) != nil {
		t.Error("an error of nothing")
	}
	for address, want := range map[string]bool{
		"https://a.b/c": true, "http://127.0.0.1:1": true, "https://u:p@a.b": false, "https://a.b?c": false, "https://a.b#c": false, "a.b": false, "https://": false, "%": false,
	} {
		if httpapi.IsAddress(address) != want {
			t.Errorf("%s: %v", address, !want)
		}
	}
}

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{key: key, cert: &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}}
	der, err := x509.CreateCertificate(rand.Reader, a.cert, a.cert, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

// issue makes a client's certificate and key, in PEM.
func (a *authority) issue(t *testing.T, name string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &private.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
}

// TestCertificate: the certificate is shown, a renewed one is taken up, and one that is not accepted counts as a refused credential.
func TestCertificate(t *testing.T) {
	ours := newAuthority(t)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.TLS.PeerCertificates[0].Subject.CommonName)
	}))
	pool := x509.NewCertPool()
	pool.AddCert(ours.cert)
	server.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool, MinVersion: tls.VersionTLS12}
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // the refused handshakes below
	server.StartTLS()
	defer server.Close()

	ask := func(c *http.Client) (string, error) {
		r, err := (&httpapi.API{HTTP: c, Base: server.URL}).Do(t.Context(), httpapi.Request{Path: "/x"})
		return string(r.Body), err
	}
	cert, key := ours.issue(t, "inline")
	c, err := httpapi.WithCertificate(server.Client(), cert, key)
	if err != nil {
		t.Fatal(err)
	}
	if name, err := ask(c); err != nil || name != "inline" {
		t.Errorf("%q, %v", name, err)
	}

	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "c.pem"), filepath.Join(dir, "k.pem")
	write := func(name string) {
		cert, key := ours.issue(t, name)
		if err := errors.Join(os.WriteFile(certFile, []byte(cert), 0o600), os.WriteFile(keyFile, []byte(key), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	write("old")
	if c, err = httpapi.WithCertificate(server.Client(), certFile, keyFile); err != nil {
		t.Fatal(err)
	}
	if name, err := ask(c); err != nil || name != "old" {
		t.Errorf("%q, %v", name, err)
	}
	write("renewed")
	c.CloseIdleConnections()
	if name, err := ask(c); err != nil || name != "renewed" {
		t.Errorf("%q, %v", name, err)
	}

	_, err = ask(server.Client())
	apitest.Fails(t, err, provider.Unauthorized, "client certificate is not accepted")
	cert, key = newAuthority(t).issue(t, "stranger")
	if c, err = httpapi.WithCertificate(server.Client(), cert, key); err != nil {
		t.Fatal(err)
	}
	_, err = ask(c)
	apitest.Fails(t, err, provider.Unauthorized, "client certificate is not accepted")

	if server.Client().Transport.(*http.Transport).TLSClientConfig.GetClientCertificate != nil {
		t.Error("the client that was given is changed")
	}
}

func TestCertificateSettings(t *testing.T) {
	cert, key := newAuthority(t).issue(t, "a")
	_, other := newAuthority(t).issue(t, "b")
	for name, pair := range map[string][2]string{
		"mixed":            {cert, "/k.pem"},
		"missing":          {"/no/such/cert.pem", "/no/such/key.pem"},
		"a key as path":    {"/no/such/cert.pem", "MIIEvSECRET"},
		"of another":       {cert, other},
		"not a PEM at all": {"-----BEGIN", "-----BEGIN SECRET"},
	} {
		_, err := httpapi.WithCertificate(nil, pair[0], pair[1])
		if err == nil || strings.Contains(err.Error(), "SECRET") || !strings.Contains(err.Error(), "api.client_cert") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := httpapi.WithCertificate(&http.Client{Transport: http.NewFileTransport(http.Dir("."))}, cert, key); err == nil {
		t.Error("a transport that cannot show a certificate is taken")
	}
	if _, err := httpapi.WithCertificate(nil, cert, key); err != nil {
		t.Error(err)
	}
}
