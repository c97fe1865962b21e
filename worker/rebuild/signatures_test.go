package rebuild_test

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hookfold/hookfold/internal/builtin"
	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/kafka"
	"github.com/hookfold/hookfold/pkg/provider/providertest"
	"github.com/hookfold/hookfold/worker"
	"github.com/hookfold/hookfold/worker/rebuild"
)

// TestSignaturesAreVerifiedAgain verifies the recorded fixtures of all providers, and copies of them that were tampered
// with in the log: another body, and no signature.
func TestSignaturesAreVerifiedAgain(t *testing.T) {
	w := newWorld(t, 2)
	var endpoints []rebuild.Endpoint
	for _, p := range builtin.Providers() {
		conn, _ := providertest.Load(t, filepath.Join("../../testdata/deliveries", p.Name()))
		endpoints = append(endpoints, rebuild.Endpoint{Connection: conn, Provider: p})
	}
	signed, static := 0, 0
	all := samples(t)
	for _, e := range all[:len(all):len(all)] {
		if _, isSigned := signatureHeader(&e); !isSigned {
			static++
			continue
		}
		signed++
		other, bare := e.Clone(), e.Clone()
		other.Body = append(bytes.Clone(e.Body), ' ')
		name, _ := signatureHeader(&e)
		for ; name != ""; name, _ = signatureHeader(&bare) {
			delete(bare.Headers, name)
		}
		all = append(all, other, bare)
	}
	require.NotZero(t, signed)
	require.NotZero(t, static)
	p, err := kafka.NewPublisher(kafka.PublisherConfig{Config: kafka.Config{Brokers: w.brokers}, Marshaler: worker.Marshaler()})
	require.NoError(t, err)
	for i := range all {
		m, err := all[i].Message()
		require.NoError(t, err)
		require.NoError(t, p.Publish(topic, m))
	}
	require.NoError(t, p.Close())
	_, ends, err := w.log.Reader.Offsets(t.Context(), topic)
	require.NoError(t, err)
	got, err := w.log.VerifySignatures(t.Context(), endpoints, ends, 1000)
	require.NoError(t, err)
	require.EqualValues(t, signed, got.Verified, "%v", got.Failed)
	require.EqualValues(t, static, got.Static)
	require.EqualValues(t, 2*signed, got.FailedCount)
	require.Len(t, got.Failed, 2*signed)
	require.Empty(t, got.Retired)

	none, err := w.log.VerifySignatures(t.Context(), nil, ends, 1000)
	require.NoError(t, err)
	require.Zero(t, none.Verified)
	require.NotEmpty(t, none.Unconfigured)
}

// signatureHeader is a header of the record that holds what was signed with.
func signatureHeader(e *event.Event) (string, bool) {
	for name := range e.Headers {
		if len(name) > len(event.HeaderHTTP) && name[:len(event.HeaderHTTP)] == event.HeaderHTTP {
			return name, true
		}
	}
	return "", false
}
