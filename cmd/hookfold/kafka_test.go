package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hookfold/hookfold/internal/kafkatest"
	"github.com/hookfold/hookfold/pkg/kafka"
	"github.com/hookfold/hookfold/pkg/kafka/embedded"
)

const testSecret = "0123456789abcdef0123456789abcdef01234567"

// TestAgainstKafka runs ingest and worker in this process against a real Kafka: from a delivery to a row, through the
// loss of the broker and back.
func TestAgainstKafka(t *testing.T) {
	broker := kafkatest.Start(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "hookfold.yaml")
	require.NoError(t, os.WriteFile(file, []byte(fmt.Sprintf(
		"connections: [{name: devengo-live, provider: devengo, secrets: [%s]}]\nbrokers: %q\ndata: %q\nadmin: 127.0.0.1:0\nlisten: 127.0.0.1:0\ndeadline: 2s\n",
		testSecret, broker.Addrs()[0], dir)), 0o600))
	in := inProcess(t, "ingest", "--config", file, "--output", "json", "--replication", "1", "--partitions", "3")
	fold := inProcess(t, "worker", "--config", file, "--output", "json", "--replication", "1", "--partitions", "3")
	untilReady(t, text(in, "admin"))
	untilReady(t, text(fold, "admin"))

	require.Equal(t, 200, post(t, text(in, "listen"), "acc_1"))
	untilRow(t, text(fold, "store"), "select id, status from accounts order by id", "acc_1|active")

	require.NoError(t, broker.Kill())
	require.Equal(t, 503, post(t, text(in, "listen"), "acc_2"))
	require.NoError(t, broker.Restart())
	untilReady(t, text(in, "admin"))
	require.Equal(t, 200, post(t, text(in, "listen"), "acc_2"))
	untilRow(t, text(fold, "store"), "select id, status from accounts order by id", "acc_1|active\nacc_2|active")
}

// TestLossyTopicIsRefused: nothing may be recorded in a topic that deletes what it was given.
func TestLossyTopicIsRefused(t *testing.T) {
	broker, err := embedded.Start(embedded.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, broker.Close()) })
	require.NoError(t, kafka.EnsureTopic(t.Context(), kafka.Config{Brokers: broker.Addrs()}, kafka.TopicSpec{
		Name: "hookfold.events", Partitions: 1, Configs: map[string]string{"retention.ms": "3600000"},
	}))
	dir := t.TempDir()
	file := filepath.Join(dir, "hookfold.yaml")
	require.NoError(t, os.WriteFile(file, []byte("connections: [{name: a, provider: devengo, secrets: ["+testSecret+"]}]\n"), 0o600))
	var stderr lockedBuffer
	code := run([]string{"ingest", "--config", file, "--brokers", broker.Addrs()[0], "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"}, testWorld(t.Context(), io.Discard, &stderr))
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr.String(), "topic hookfold.events would lose what was recorded")
	require.Contains(t, stderr.String(), "retention.ms=3600000")
}

// lockedBuffer takes what a logger and a command write at the same time.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func testWorld(ctx context.Context, stdout, stderr io.Writer) *world {
	return &world{
		ctx: ctx, stdout: stdout, stderr: stderr, readFile: os.ReadFile, logger: slog.New(slog.DiscardHandler),
		lookupEnv: func(string) (string, bool) { return "", false },
	}
}

// inProcess runs a command until the end of the test and returns what it says of itself.
func inProcess(t *testing.T, args ...string) map[string]any {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	said, stdout := io.Pipe()
	var stderr lockedBuffer
	code := make(chan int, 1)
	go func() {
		code <- run(args, testWorld(ctx, stdout, &stderr))
		stdout.Close()
	}()
	t.Cleanup(func() {
		cancel()
		if c := <-code; c != exitDone {
			t.Errorf("%s: exit code %d: %s", args[0], c, stderr.String())
		}
	})
	var report map[string]any
	if err := json.NewDecoder(said).Decode(&report); err != nil {
		cancel()
		t.Fatalf("%s: %v", args[0], err)
	}
	return report
}

// text is a field of what a command says of itself; an address comes without its scheme.
func text(report map[string]any, field string) string {
	s, _ := report[field].(string)
	return strings.TrimPrefix(s, "http://")
}

func post(t *testing.T, address, account string) int {
	t.Helper()
	body := fmt.Sprintf(`{"id":"evt_%[1]s","api_version":"v1","type":"account.activated","created_at":"2026-01-02T03:04:05Z","data":{"object":{"id":"%[1]s","status":"active"}}}`, account)
	req, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+address+"/webhooks/devengo-live", strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("X-Devengo-Webhooks-Sig", signDevengo(testSecret, time.Now(), body))
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode
}

func untilReady(t *testing.T, admin string) {
	t.Helper()
	until(t, func() error {
		resp, err := http.Get("http://" + admin + "/readyz")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if body, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != 200 {
			return fmt.Errorf("not ready: %s %w", body, err)
		}
		return nil
	})
}

// readiness is the body of /readyz.
func readiness(t *testing.T, admin string) string {
	t.Helper()
	resp, err := http.Get("http://" + admin + "/readyz")
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(body)
}

func untilRow(t *testing.T, store, text, want string) {
	t.Helper()
	until(t, func() error {
		got, err := query(store, text)
		if err == nil && got != want {
			err = fmt.Errorf("got %q, want %q", got, want)
		}
		return err
	})
}

// until asks again until there is no error. A broker that was killed takes its time to come back.
func until(t *testing.T, check func() error) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(3 * patience)
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal(err)
		}
	}
}
