package providertest

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/provider"
)

// receivedHeader is our own pseudo-header of a sample: when it arrived, RFC 3339.
const receivedHeader = "Hookfold-Received"

// A Sample is one delivery of a directory of samples.
type Sample struct {
	// Name is the file's name without .http. Names that begin with "parked" are of deliveries that cannot be decoded.
	Name string
	// Path is the file's path.
	Path string
	// Delivery is the request. Use Clone before changing anything of it.
	Delivery provider.Delivery
}

// Load reads a directory of samples: connection.json, a provider.Connection with its keys in lower case; and NAME.http,
// each the raw text of a request to /webhooks/CONNECTION[/EVENT_TYPE], its lines ended by \n, with the pseudo-header
// Hookfold-Received, an empty line, and the body up to the end of the file. Samples are ordered by name.
func Load(t testing.TB, dir string) (provider.Connection, []Sample) {
	t.Helper()
	var conn provider.Connection
	data, err := os.ReadFile(filepath.Join(dir, "connection.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &conn); err != nil {
		t.Fatalf("connection.json: %v", err)
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*.http"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s holds no samples (%v)", dir, err)
	}
	slices.Sort(paths)
	var samples []Sample
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		d, err := parseDelivery(data)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if d.Connection != conn.Name {
			t.Fatalf("%s: is to connection %q, connection.json is %q", path, d.Connection, conn.Name)
		}
		samples = append(samples, Sample{strings.TrimSuffix(filepath.Base(path), ".http"), path, d})
	}
	return conn, samples
}

func parseDelivery(data []byte) (provider.Delivery, error) {
	head, body, ok := bytes.Cut(data, []byte("\n\n"))
	if !ok {
		return provider.Delivery{}, fmt.Errorf("no empty line between head and body")
	}
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(append(bytes.Clone(head), "\n\n"...))))
	if err != nil {
		return provider.Delivery{}, err
	}
	received, err := time.Parse(time.RFC3339Nano, r.Header.Get(receivedHeader))
	if err != nil {
		return provider.Delivery{}, fmt.Errorf("header %s: %w", receivedHeader, err)
	}
	r.Header.Del(receivedHeader)
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if len(parts) < 2 || len(parts) > 3 || parts[0] != "webhooks" {
		return provider.Delivery{}, fmt.Errorf("path %s, want /webhooks/CONNECTION[/EVENT_TYPE]", r.URL.Path)
	}
	d := provider.Delivery{Connection: parts[1], Header: r.Header, Body: body, Received: received.UTC()}
	if len(parts) == 3 {
		d.EventType = parts[2]
	}
	return d, nil
}

// Clone returns a copy of a delivery that shares nothing with it.
func Clone(d provider.Delivery) provider.Delivery {
	d.Header = d.Header.Clone()
	d.Body = bytes.Clone(d.Body)
	return d
}

// Record returns the event that a verified delivery becomes in the log. Where the description has no id, the hash of the
// body stands in.
func Record(p provider.Provider, d *provider.Delivery, evidence provider.Evidence) event.Event {
	about := p.Describe(d)
	e := event.Event{
		ID:          about.ID,
		Connection:  d.Connection,
		Type:        p.Name() + "." + about.Type,
		Kind:        about.Kind,
		Entity:      about.Entity,
		Time:        about.Time,
		Recorded:    d.Received,
		ContentType: d.Header.Get("Content-Type"),
		Headers:     map[string]string{event.HeaderScheme: evidence.Scheme, event.HeaderSecret: evidence.Secret},
		Body:        d.Body,
	}
	if e.ID == "" {
		sum := sha256.Sum256(d.Body)
		e.ID = "sha256-" + hex.EncodeToString(sum[:])
	}
	for _, name := range evidence.Headers {
		e.Headers[event.HeaderHTTP+name] = d.Header.Get(name)
	}
	return e
}

// record is Record without verification, for bodies that were changed.
func (s *suite) record(t testing.TB, d provider.Delivery) (event.Event, provider.Description) {
	t.Helper()
	about := s.p.Describe(&d)
	e := Record(s.p, &d, provider.Evidence{Scheme: "test", Secret: "test"})
	if about.Type == "" {
		e.Type += "none"
	}
	if err := e.Validate(); err != nil {
		t.Fatalf("the description makes no valid event: %v", err)
	}
	return e, about
}

// signSamples signs the samples that do not verify yet, at the time of their arrival.
func (s *suite) signSamples(t *testing.T) {
	t.Helper()
	v, err := s.p.Verifier(s.conn)
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.samples {
		sample := &s.samples[i]
		if _, err := v.Verify(&sample.Delivery); err == nil {
			continue
		}
		signed := Clone(sample.Delivery)
		s.f.Sign(s.conn, &signed, signed.Received)
		data, err := os.ReadFile(sample.Path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(sample.Path, withHeaders(data, signed.Header, s.signatureHeaders(s.conn, signed)), 0o644); err != nil {
			t.Fatal(err)
		}
		sample.Delivery = signed
	}
}

// withHeaders returns a sample's text with the named headers set, at the end of its head.
func withHeaders(data []byte, header http.Header, names []string) []byte {
	head, body, _ := strings.Cut(string(data), "\n\n")
	var out strings.Builder
	for line := range strings.Lines(head) {
		name, _, _ := strings.Cut(line, ":")
		if !slices.Contains(names, http.CanonicalHeaderKey(name)) {
			out.WriteString(strings.TrimSuffix(line, "\n") + "\n")
		}
	}
	for _, name := range names {
		out.WriteString(name + ": " + header.Get(name) + "\n")
	}
	out.WriteString("\n" + body)
	return []byte(out.String())
}

// signatureHeaders are the names of the headers that Sign sets.
func (s *suite) signatureHeaders(conn provider.Connection, d provider.Delivery) []string {
	d.Header = make(http.Header)
	s.f.Sign(conn, &d, d.Received)
	return slices.Sorted(maps.Keys(d.Header))
}
