package containers_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/exec"
	"github.com/testcontainers/testcontainers-go/network"
	"github.com/testcontainers/testcontainers-go/wait"
)

const (
	pipelineSecret = "5c1e7b9d3f2a48600d4e8c71b9a2f65310ce84d7"
	pipelineConfig = "connections:\n  - {name: devengo-test, provider: devengo, mode: test, secrets: [" + pipelineSecret + "]}\n"
)

// image is Hookfold's: the one that HOOKFOLD_IMAGE names, or one built from the Dockerfile.
func image() (string, []testcontainers.ContainerCustomizer) {
	if name := os.Getenv("HOOKFOLD_IMAGE"); name != "" {
		return name, nil
	}
	return "", []testcontainers.ContainerCustomizer{
		testcontainers.WithDockerfile(testcontainers.FromDockerfile{Context: "../..", Repo: "hookfold", Tag: "test", KeepImage: true}),
	}
}

// run starts a command of the image on the cluster's network, and waits until it is healthy.
func (c *cluster) run(ctx context.Context, t *testing.T, args ...string) *testcontainers.DockerContainer {
	t.Helper()
	name, options := image()
	options = append(options,
		testcontainers.WithCmd(args...),
		testcontainers.WithEnv(map[string]string{"HOOKFOLD_BROKERS": c.inside(), "HOOKFOLD_CONFIG": "/hookfold.yaml"}),
		testcontainers.WithFiles(testcontainers.ContainerFile{Reader: strings.NewReader(pipelineConfig), ContainerFilePath: "/hookfold.yaml", FileMode: 0o644}),
		testcontainers.WithExposedPorts("8080/tcp"),
		network.WithNetwork([]string{args[0]}, c.net),
		testcontainers.WithWaitStrategyAndDeadline(2*time.Minute, wait.ForHealthCheck()),
	)
	h, err := testcontainers.Run(ctx, name, options...)
	testcontainers.CleanupContainer(t, h)
	if err != nil {
		text := ""
		if h != nil {
			text = logs(t, h)
		}
		t.Fatalf("start hookfold %s: %v\n%s", args[0], err, text)
	}
	return h
}

// TestPipeline sends a delivery through the image's ingest and worker, and reads the row with the image's sqlite3. A forgery
// beside it leaves nothing.
func TestPipeline(t *testing.T) {
	c := startKafka(t, 1, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	worker := c.run(ctx, t, "worker")
	ingest := c.run(ctx, t, "ingest")
	endpoint, err := ingest.PortEndpoint(ctx, "8080/tcp", "http")
	require.NoError(t, err)

	body := `{"id":"evt_1","api_version":"v1","type":"account.activated","created_at":"2026-03-02T12:00:00Z","data":{"object":{"id":"acc_1",` +
		`"status":"active","created_at":"2026-03-02T11:00:00Z","name":"Test","currency":"EUR","identifiers":[],"bank":null,` +
		`"balance":{"total":{"cents":500,"currency":"EUR"},"available":{"cents":400,"currency":"EUR"}},"metadata":{},"closed_at":null}}}`
	require.Equal(t, http.StatusUnauthorized, deliver(ctx, t, endpoint, "another", strings.ReplaceAll(body, "_1", "_2")))
	for range 3 { // the provider repeats itself
		require.Equal(t, http.StatusOK, deliver(ctx, t, endpoint, pipelineSecret, body))
	}
	const query = "SELECT id, status, provider_status, name, total, available, observations FROM accounts"
	want := "acc_1|active|active|Test|500|400|1"
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for got := ""; got != want; {
		select {
		case <-again.C:
			got = sqlite(ctx, t, worker, query)
		case <-ctx.Done():
			t.Fatalf("rows %q, want %q\n%s", got, want, logs(t, worker))
		}
	}

	code, out, err := worker.Exec(ctx, []string{"id", "-u"}, exec.Multiplexed())
	require.NoError(t, err)
	require.Zero(t, code)
	require.Equal(t, "10001", strings.TrimSpace(readAll(out)), "the image does not run as root")
	limit := 12 * time.Second
	began := time.Now()
	require.NoError(t, worker.Stop(ctx, &limit))
	require.Less(t, time.Since(began), limit, "SIGTERM is enough")
}

func deliver(ctx context.Context, t *testing.T, endpoint, secret, body string) int {
	t.Helper()
	at := fmt.Sprint(time.Now().Unix())
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(at + "." + body))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint+"/webhooks/devengo-test", strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("X-Devengo-Webhooks-Sig", "t="+at+",v1="+hex.EncodeToString(mac.Sum(nil)))
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close() //nolint:errcheck // its status is the answer
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)
	return resp.StatusCode
}

// sqlite asks the store of a worker, as a user would; errors are part of the answer.
func sqlite(ctx context.Context, t *testing.T, worker testcontainers.Container, query string) string {
	t.Helper()
	_, out, err := worker.Exec(ctx, []string{"sqlite3", "-readonly", "/data/projections.db", query}, exec.Multiplexed())
	require.NoError(t, err)
	return strings.TrimSpace(readAll(out))
}
