package delfinance

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"testing"
	"time"

	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/provider/providertest"
)

const samples = "../../../testdata/deliveries/delfinance"

var features = providertest.Features{
	Rotates:         true,
	EventTypeInPath: true,
	Recurring:       []string{"WHITELABEL_CUSTOMER_DOCUMENTATION_REJECTED"},
	StatusPaths:     []string{"status", "proof.status"},
	Credentials:     []string{"invented-registration-credential", "invented-account-api-key"},
	Secret: func(n int) string { // so far apart that a fuzzer does not get from one to the other
		sum := sha256.Sum256([]byte{byte(n)})
		return hex.EncodeToString(sum[:])
	},
	Connect: func(base provider.Connection, secrets ...string) provider.Connection {
		base.Authorization.Value, base.Secrets = "", nil
		if len(secrets) > 0 {
			base.Authorization.Value, base.Secrets = secrets[0], secrets[1:]
		}
		return base
	},
	Sign: func(conn provider.Connection, d *provider.Delivery, _ time.Time) {
		d.Header.Set(conn.Authorization.Header, conn.Authorization.Value)
	},
}

func TestProvider(t *testing.T) { providertest.Exercise(t, New(), features, samples) }

func FuzzVerify(f *testing.F) { providertest.FuzzVerify(f, New(), features, samples) }

func FuzzDecode(f *testing.F) { providertest.FuzzDecode(f, New(), features, samples) }

// delivery is a delivery of a body to a URL with the given event type.
func delivery(eventType, body string) *provider.Delivery {
	return &provider.Delivery{
		Connection: "delfinance-test", EventType: eventType, Header: http.Header{}, Body: []byte(body),
		Received: time.Date(2026, 3, 12, 10, 26, 4, 0, time.UTC),
	}
}
