package declared_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/provider/declared"
	"github.com/hookfold/hookfold/pkg/provider/providertest"
)

// described is the provider that a file of testdata describes.
func described(t testing.TB, name string) provider.Provider {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	p, problems := declared.ParseBytes(text)
	for _, problem := range problems {
		t.Error(problem)
	}
	if p == nil {
		t.FailNow()
	}
	return p
}

// The signers are written from the providers' documents, apart from the code under test.

func hexMAC(key, format string, args ...any) string {
	mac := hmac.New(sha256.New, []byte(key))
	fmt.Fprintf(mac, format, args...)
	return hex.EncodeToString(mac.Sum(nil))
}

func first(c provider.Connection) string {
	if len(c.Secrets) == 0 {
		return ""
	}
	return c.Secrets[0]
}

func signStripe(version string) func(provider.Connection, *provider.Delivery, time.Time) {
	return func(c provider.Connection, d *provider.Delivery, at time.Time) {
		d.Header.Set("Stripe-Signature", fmt.Sprintf("t=%d,%s=%s", at.Unix(), version, hexMAC(first(c), "%d.%s", at.Unix(), d.Body)))
	}
}

func signGitHub(version string) func(provider.Connection, *provider.Delivery, time.Time) {
	return func(c provider.Connection, d *provider.Delivery, _ time.Time) {
		d.Header.Set("X-Hub-Signature-256", version+"="+hexMAC(first(c), "%s", d.Body))
	}
}

var stripe = providertest.Features{
	Signed: true, Timestamped: true, Tolerance: 5 * time.Minute, Rotates: true,
	TypePath: "type", IDPath: "id", EventTimes: true, StatusPaths: []string{"data.object.status"},
	Credentials: []string{"pi_3InventedIntent0001_secret_InventedClientSecret"},
	Secret:      func(n int) string { return fmt.Sprintf("whsec_invented_stripe_endpoint_secret_%04d", n+1) },
	Sign:        signStripe("v1"),
	Downgrade:   signStripe("v0"),
}

var github = providertest.Features{
	Signed: true, Rotates: true, TypePath: "action", EventTimes: true, StatusPaths: []string{"action"},
	Secret:    func(n int) string { return fmt.Sprintf("an invented secret no. %d", n) },
	Sign:      signGitHub("sha256"),
	Downgrade: signGitHub("sha1"),
}

func TestStripe(t *testing.T) {
	providertest.Exercise(t, described(t, "stripe"), stripe, "testdata/stripe")
}

func TestGitHub(t *testing.T) {
	providertest.Exercise(t, described(t, "github"), github, "testdata/github")
}

func FuzzVerify(f *testing.F) {
	providertest.FuzzVerify(f, described(f, "stripe"), stripe, "testdata/stripe")
}

func FuzzDecode(f *testing.F) {
	providertest.FuzzDecode(f, described(f, "stripe"), stripe, "testdata/stripe")
}

// parsed is the provider that a text describes.
func parsed(t testing.TB, text string) provider.Provider {
	t.Helper()
	p, problems := declared.ParseBytes([]byte(text))
	if p == nil {
		t.Fatalf("problems %v", problems)
	}
	return p
}
