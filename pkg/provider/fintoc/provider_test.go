package fintoc_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/provider/fintoc"
	"github.com/hookfold/hookfold/pkg/provider/providertest"
)

// samples holds one invented delivery for every documented event type, and the traps beside them.
const samples = "../../../testdata/deliveries/fintoc"

func features() providertest.Features {
	return providertest.Features{
		Signed:      true,
		Timestamped: true,
		Tolerance:   300 * time.Second,
		Rotates:     true,
		TypePath:    "type",
		IDPath:      "id",
		EventTimes:  true,
		StatusPaths: []string{"data.status"},
		Credentials: []string{
			"link_1HkFdLnk_token_INVENTEDsecret03", "_sec_INVENTEDsession01", "_sec_INVENTEDwidget01", "_sec_INVENTEDwidget02",
			"_sec_INVENTEDwidget04", "_sec_INVENTEDexchange05", "_sec_INVENTEDwidget06",
		},
		Secret: func(n int) string { return fmt.Sprintf("whsec_INVENTED-%d-forTheSuite", n) },
		Sign: func(conn provider.Connection, d *provider.Delivery, at time.Time) {
			d.Header.Set("Fintoc-Signature", sign("v1", conn.Secrets, d.Body, at))
		},
		Downgrade: func(conn provider.Connection, d *provider.Delivery, at time.Time) {
			d.Header.Set("Fintoc-Signature", sign("v0", conn.Secrets, d.Body, at))
		},
	}
}

// sign is the header that Fintoc would send, written from the documentation and sharing nothing with the verifier.
func sign(version string, secrets []string, body []byte, at time.Time) string {
	if len(secrets) == 0 {
		secrets = []string{""}
	}
	mac := hmac.New(sha256.New, []byte(secrets[0]))
	fmt.Fprintf(mac, "%d.%s", at.Unix(), body)
	return fmt.Sprintf("t=%d,%s=%s", at.Unix(), version, hex.EncodeToString(mac.Sum(nil)))
}

func TestProvider(t *testing.T) { providertest.Exercise(t, fintoc.New(), features(), samples) }

func FuzzVerify(f *testing.F) { providertest.FuzzVerify(f, fintoc.New(), features(), samples) }

func FuzzDecode(f *testing.F) { providertest.FuzzDecode(f, fintoc.New(), features(), samples) }
