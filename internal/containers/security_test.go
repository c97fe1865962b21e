package containers_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/testcontainers/testcontainers-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"

	"github.com/hookfold/hookfold/pkg/kafka"
)

// TestSecurity holds that the adapter gets in with TLS and each mechanism, and that nobody gets in without.
func TestSecurity(t *testing.T) {
	cert, key, pool := certificate(t, engine(t))
	jaas := "org.apache.kafka.common.security."
	// The listener is not named SASL_SSL: the image would want key stores in files for that name.
	c := startKafka(t, 1, map[string]string{
		"KAFKA_LISTENER_SECURITY_PROTOCOL_MAP":                               "INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT,EXTERNAL:SASL_SSL",
		"KAFKA_SASL_ENABLED_MECHANISMS":                                      "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
		"KAFKA_LISTENER_NAME_EXTERNAL_PLAIN_SASL_JAAS_CONFIG":                jaas + `plain.PlainLoginModule required user_plain="secret";`,
		"KAFKA_LISTENER_NAME_EXTERNAL_SCRAM___SHA___512_SASL_JAAS_CONFIG":    jaas + `scram.ScramLoginModule required;`,
		"KAFKA_LISTENER_NAME_EXTERNAL_SCRAM___SHA___256_SASL_JAAS_CONFIG":    jaas + `scram.ScramLoginModule required;`,
		"KAFKA_SSL_KEYSTORE_TYPE":                                            "PEM",
		"KAFKA_SSL_KEYSTORE_LOCATION":                                        "/etc/kafka/broker.pem",
		"KAFKA_LISTENER_NAME_EXTERNAL_SSL_ENDPOINT_IDENTIFICATION_ALGORITHM": "",
	}, testcontainers.WithFiles(testcontainers.ContainerFile{
		Reader: bytes.NewReader(append(key, cert...)), ContainerFilePath: "/etc/kafka/broker.pem", FileMode: 0o644,
	}))
	encrypted := &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	plain := kafka.Config{Brokers: c.addrs, TLS: encrypted, SASL: kafka.Plain("plain", "secret")}
	c.ensure(t, plain, kafka.TopicSpec{Name: "events", Partitions: 1, ReplicationFactor: 1})
	addScramUser(t, c, encrypted)

	try := func(mechanism sasl.Mechanism, conf *tls.Config) error {
		pub, err := kafka.NewPublisher(kafka.PublisherConfig{
			Config: kafka.Config{Brokers: c.addrs, TLS: conf, SASL: mechanism}, CloseTimeout: time.Second,
		})
		require.NoError(t, err)
		defer pub.Close() //nolint:errcheck // nothing is under way
		return publish(t.Context(), pub, "events", "1", 3*time.Second)
	}
	require.NoError(t, try(kafka.Plain("plain", "secret"), encrypted))
	require.NoError(t, try(kafka.ScramSHA512("scram", "secret"), encrypted))
	require.Error(t, try(kafka.Plain("plain", "wrong"), encrypted))
	require.Error(t, try(kafka.ScramSHA512("scram", "wrong"), encrypted))
	require.Error(t, try(kafka.ScramSHA512("nobody", "secret"), encrypted))
	require.Error(t, try(nil, encrypted), "no credential")
	require.Error(t, try(kafka.Plain("plain", "secret"), nil), "no TLS")
	require.Error(t, try(kafka.Plain("plain", "secret"), &tls.Config{MinVersion: tls.VersionTLS12}), "an authority that nobody knows")
}

// addScramUser makes the user scram, as an administrator would with kafka-configs.sh.
func addScramUser(t *testing.T, c *cluster, encrypted *tls.Config) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.addrs...), kgo.DialTLSConfig(encrypted), kgo.SASL(kafka.Plain("plain", "secret")))
	require.NoError(t, err)
	defer cl.Close()
	salt := []byte("hookfold")
	salted, err := pbkdf2.Key(sha512.New, "secret", salt, 4096, sha512.Size)
	require.NoError(t, err)
	req := kmsg.NewPtrAlterUserSCRAMCredentialsRequest()
	up := kmsg.NewAlterUserSCRAMCredentialsRequestUpsertion()
	up.Name, up.Mechanism, up.Iterations, up.Salt, up.SaltedPassword = "scram", 2, 4096, salt, salted
	req.Upsertions = append(req.Upsertions, up)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	resp, err := req.RequestWith(ctx, cl)
	require.NoError(t, err)
	for _, r := range resp.Results {
		require.NoError(t, kerr.ErrorForCode(r.ErrorCode))
	}
}

// certificate makes one that signs itself, for a broker on a host.
func certificate(t *testing.T, host string) (cert, key []byte, pool *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "kafka"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	cert = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	pool = x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(cert))
	return cert, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), pool
}
