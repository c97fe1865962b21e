// Package cloudevents reads Hookfold's topic with code that is not ours: the CloudEvents SDK over sarama. It is a module
// of its own, so that neither becomes a dependency of Hookfold.
package cloudevents

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/cloudevents/sdk-go/protocol/kafka_sarama/v2"
	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/event"
)

const patience = time.Minute

// report is what hookfold up says of itself.
type report struct{ URL, Broker, Topic string }

// TestSDKReadsTheTopic delivers to a running hookfold and reads the records back as events: valid, in binary mode, with
// the body as it was sent, byte for byte.
func TestSDKReadsTheTopic(t *testing.T) {
	dir := t.TempDir()
	up := start(t, dir)
	bodies := map[string]string{ // by type and subject
		"devengo.account.activated account/acc_1": "{ \"id\":\"evt_1\",\"api_version\":\"v1\", \"type\":\"account.activated\",\"created_at\":\"2026-01-02T03:04:05Z\",\r\n" +
			"\"data\":{\"object\":{\"id\":\"acc_1\",\"status\":\"active\",\"name\":\"Ñandú \\u00e9\"}}}\n",
		"devengo.unknown ": "\x00\x01 not JSON, not UTF-8: \xff",
	}
	for _, body := range bodies {
		deliver(t, dir, up.URL, body)
	}
	for _, m := range consume(t, up, len(bodies)) {
		message := kafka_sarama.NewMessageFromConsumerMessage(m)
		if message.ReadEncoding() != binding.EncodingBinary {
			t.Fatalf("offset %d is read as %v, want binary mode", m.Offset, message.ReadEncoding())
		}
		e, err := binding.ToEvent(t.Context(), message)
		if err != nil {
			t.Fatalf("offset %d: %v", m.Offset, err)
		}
		check(t, e, bodies)
	}
	if len(bodies) > 0 {
		t.Errorf("not found in the topic: %q", bodies)
	}
}

func check(t *testing.T, e *event.Event, bodies map[string]string) {
	t.Helper()
	if err := e.Validate(); err != nil {
		t.Errorf("%s is not valid: %v", e.ID(), err)
	}
	key := e.Type() + " " + e.Subject()
	body, ok := bodies[key]
	if !ok {
		t.Errorf("an event that was not sent, or came twice: %q", key)
		return
	}
	delete(bodies, key)
	if string(e.Data()) != body {
		t.Errorf("%s: data %q, want %q", key, e.Data(), body)
	}
	if e.SpecVersion() != "1.0" || e.Source() != "/connections/devengo-demo" || e.ID() == "" || e.DataContentType() != "application/json" {
		t.Errorf("%s: %v", key, e)
	}
	recorded, _ := e.Extensions()["recordedtime"].(string)
	if _, err := time.Parse(time.RFC3339Nano, recorded); err != nil {
		t.Errorf("%s: extension recordedtime: %v", key, err)
	}
	if e.Subject() != "" && !e.Time().Equal(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) {
		t.Errorf("%s: time %v, want the provider's", key, e.Time())
	}
}

// start builds hookfold, runs it in demo mode, and stops it at the end of the test.
func start(t *testing.T, dir string) report {
	t.Helper()
	program := filepath.Join(dir, "hookfold")
	build := exec.Command("go", "build", "-o", program, "./cmd/hookfold")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.Command(program, "up", "--output=json", "--listen=127.0.0.1:0", "--admin=127.0.0.1:0", "--brokers=127.0.0.1:0")
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("hookfold up: %v", err)
		}
	})
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		t.Fatalf("hookfold did not say that it is up: %v", err)
	}
	var r report
	if err := json.Unmarshal(line, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func deliver(t *testing.T, dir, url, body string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "data", "demo.json"))
	if err != nil {
		t.Fatal(err)
	}
	var demo struct{ Secrets map[string]string }
	if err := json.Unmarshal(text, &demo); err != nil {
		t.Fatal(err)
	}
	at := strconv.FormatInt(time.Now().Unix(), 10)
	mac := hmac.New(sha256.New, []byte(demo.Secrets["devengo"]))
	fmt.Fprint(mac, at, ".", body)
	req, err := http.NewRequest("POST", url+"/webhooks/devengo-demo", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Devengo-Webhooks-Sig", "t="+at+",v1="+hex.EncodeToString(mac.Sum(nil)))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("delivery: %s", resp.Status)
	}
}

// consume reads n records, wherever in the topic they are.
func consume(t *testing.T, up report, n int) []*sarama.ConsumerMessage {
	t.Helper()
	config := sarama.NewConfig()
	config.Version = sarama.V2_8_0_0
	consumer, err := sarama.NewConsumer([]string{up.Broker}, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := consumer.Close(); err != nil {
			t.Error(err)
		}
	})
	partitions, err := consumer.Partitions(up.Topic)
	if err != nil {
		t.Fatal(err)
	}
	all := make(chan *sarama.ConsumerMessage)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, p := range partitions {
		c, err := consumer.ConsumePartition(up.Topic, p, sarama.OffsetOldest)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for m := range c.Messages() {
				select {
				case all <- m:
				case <-ctx.Done():
				}
			}
		}()
		t.Cleanup(c.AsyncClose)
	}
	var got []*sarama.ConsumerMessage
	for len(got) < n {
		select {
		case m := <-all:
			got = append(got, m)
		case <-ctx.Done():
			t.Fatalf("%d records after %v, want %d", len(got), patience, n)
		}
	}
	return got
}
