package devengo_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/provider/devengo"
	"github.com/hookfold/hookfold/pkg/provider/providertest"
)

const samples = "../../../testdata/deliveries/devengo"

var features = providertest.Features{
	Signed:      true,
	Timestamped: true,
	Tolerance:   5 * time.Minute,
	Rotates:     true,
	TypePath:    "type",
	IDPath:      "id",
	EventTimes:  true,
	StatusPaths: []string{"data.object.status"},
	Secret:      func(n int) string { return fmt.Sprintf("%040x", 0x5eed0000+n) },
	Sign: func(c provider.Connection, d *provider.Delivery, at time.Time) {
		d.Header.Set(devengo.Header, devengo.Sign(c.Secrets[0], at, d.Body))
	},
	Downgrade: func(c provider.Connection, d *provider.Delivery, at time.Time) {
		d.Header.Set(devengo.Header, strings.Replace(devengo.Sign(c.Secrets[0], at, d.Body), "v1=", "v0=", 1))
	},
}

func TestProvider(t *testing.T) { providertest.Exercise(t, devengo.New(), features, samples) }

func FuzzVerify(f *testing.F) { providertest.FuzzVerify(f, devengo.New(), features, samples) }

func FuzzDecode(f *testing.F) { providertest.FuzzDecode(f, devengo.New(), features, samples) }
