package kafka_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/sasl"

	"github.com/hookfold/hookfold/pkg/kafka"
)

func TestSASLAndMutualTLS(t *testing.T) {
	cert, pool := certificate(t)
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "events"), kfake.EnableSASL(),
		kfake.Superuser("PLAIN", "plain", "secret"), kfake.Superuser("SCRAM-SHA-256", "s256", "secret"), kfake.Superuser("SCRAM-SHA-512", "s512", "secret"),
		kfake.TLS(&tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}))
	require.NoError(t, err)
	defer c.Close()
	secured := &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{cert}}
	try := func(mech sasl.Mechanism, conf *tls.Config) error {
		pub := newPublisher(t, kafka.PublisherConfig{Config: kafka.Config{Brokers: c.ListenAddrs(), TLS: conf, SASL: mech}, CloseTimeout: time.Second})
		return pub.Publish("events", message.NewMessageWithContext(within(t, 3*time.Second), "1", nil))
	}
	require.NoError(t, try(kafka.Plain("plain", "secret"), secured))
	require.NoError(t, try(kafka.ScramSHA256("s256", "secret"), secured))
	require.NoError(t, try(kafka.ScramSHA512("s512", "secret"), secured))
	require.Error(t, try(kafka.Plain("plain", "wrong"), secured))
	require.Error(t, try(kafka.Plain("plain", "secret"), &tls.Config{RootCAs: pool}), "no client certificate")
	require.Error(t, try(kafka.Plain("plain", "secret"), nil), "no TLS")
}

func TestOAuthBearerAsksForTokens(t *testing.T) {
	asked := 0
	mech := kafka.OAuthBearer(func(context.Context) (string, error) { asked++; return "token", nil })
	require.Equal(t, "OAUTHBEARER", mech.Name())
	_, first, err := mech.Authenticate(context.Background(), "broker:9092")
	require.NoError(t, err)
	require.Contains(t, string(first), "auth=Bearer token")
	require.Equal(t, 1, asked)
}

func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	require.NoError(t, err)
	parsed, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}
