package provider_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/provider/providertest"
)

var acmeFeatures = providertest.Features{
	Signed:      true,
	Timestamped: true,
	Tolerance:   acmeTolerance,
	Rotates:     true,
	TypePath:    "name",
	IDPath:      "event",
	EventTimes:  true,
	StatusPaths: []string{"payment.state"},
	Secret:      func(n int) string { return fmt.Sprintf("an invented signing key no. %d", n) },
	Sign: func(c provider.Connection, d *provider.Delivery, at time.Time) {
		signAcme(c, d, at, "")
	},
	// There is one version of the scheme; a signature that says another is no signature.
	Downgrade: func(c provider.Connection, d *provider.Delivery, at time.Time) {
		signAcme(c, d, at, "v0=")
	},
}

func signAcme(c provider.Connection, d *provider.Delivery, at time.Time, version string) {
	secret := ""
	if len(c.Secrets) > 0 {
		secret = c.Secrets[0]
	}
	stamp := strconv.FormatInt(at.Unix(), 10)
	d.Header.Set(acmeTime, stamp)
	d.Header.Set(acmeSignature, version+hex.EncodeToString(acmeMAC(secret, stamp, d.Body)))
}

// The example of a provider passes the suite that the built-in ones pass.
func TestExample(t *testing.T) {
	providertest.Exercise(t, Acme{}, acmeFeatures, "testdata/acme")
}

// The documentation promises a provider in Go in under 200 lines.
func TestExampleIsShort(t *testing.T) {
	text, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(text, []byte("\n")); n >= 200 {
		t.Errorf("the example has %d lines", n)
	}
}
