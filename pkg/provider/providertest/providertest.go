// Package providertest is the suite that every provider must pass, the built-in ones and a user's own:
//
//	func TestProvider(t *testing.T) {
//		providertest.Exercise(t, acme.New(), acmeFeatures, "testdata/deliveries")
//	}
//
// The directory holds the connection (connection.json) and one delivery per file; see Load for the form. Run with
// -update, the suite signs the deliveries that do not verify yet and writes what each of them becomes beside it
// (NAME.golden.json); without it, it holds the provider against those files.
//
// # What it asks
//
// Of verification: that the samples verify, and that a wrong, stale, future, missing, malformed or downgraded signature, a
// body changed at any byte or serialised again, and a secret that was taken out are refused without a word about secrets.
// Of description and decoding: that they agree, are deterministic, keep and change nothing of what they are given, and
// answer whatever is missing, null, of another type, truncated or unheard of with observations or a *provider.Parked.
//
// # What a provider cannot do
//
// It is declared in Features, and a declared lack is tested as well: a provider that is declared unsigned must mark its
// evidence and its observations so, and must accept a changed body. Nothing is skipped.
package providertest

import (
	"flag"
	"testing"
	"time"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
)

// update is registered here, and not by each provider's tests, so that all write their goldens by the same flag.
var update = flag.Bool("update", false, "sign the sample deliveries and write the golden files")

// Features is what the provider can do, and how the suite can make deliveries in its place.
type Features struct {
	// Signed says that deliveries carry a signature over the body. Where it is false, a static credential is all there is.
	Signed bool
	// Timestamped says that the signature covers a time, held against the time of arrival.
	Timestamped bool
	// Tolerance is the provider's default window, both ways. Zero where there is no timestamp or no window by default.
	Tolerance time.Duration
	// Rotates says that several secrets can be live on one connection.
	Rotates bool
	// EventTypeInPath says that the URL names the event type and the body does not, or not reliably.
	EventTypeInPath bool
	// TypePath is where the body names its event type, as a gjson path. Needed unless EventTypeInPath.
	TypePath string
	// IDPath is where the body holds the provider's event id; empty where the provider has none, and Describe gives a
	// natural key.
	IDPath string
	// EventTimes says that every event carries the provider's time. Where it is false, a sample must lack one.
	EventTimes bool
	// Recurring names samples whose body holds neither an id nor a time, so that the same fact happening again is the same
	// bytes: their natural key holds the window of their arrival. They arrive a second or more before the end of a window,
	// and a day later they are another fact.
	Recurring []string
	// StatusPaths are where bodies hold an entity's status; the first that a body has counts. A sample that has none derives
	// its status, and must give one that the lifecycle knows.
	StatusPaths []string
	// Credentials are invented credentials that stand in bodies of the samples and must reach no observation.
	Credentials []string

	// Secret returns the nth of several differing, well-formed secrets of the provider's form. Needed.
	Secret func(n int) string
	// Connect returns the connection with these secrets and no others, the first being the newest; nil sets Secrets.
	Connect func(base provider.Connection, secrets ...string) provider.Connection
	// Sign sets the headers that the provider would send: signed with the connection's first secret, at the given time,
	// over the delivery's body. Needed; where the provider is unsigned it sets the credential. It must cope with a secret that
	// is empty, as a forger would try it.
	Sign func(conn provider.Connection, d *provider.Delivery, at time.Time)
	// Downgrade is like Sign, but sets only signatures of a version that must not be accepted. Needed if Signed.
	Downgrade func(conn provider.Connection, d *provider.Delivery, at time.Time)
}

func (f *Features) connect(base provider.Connection, secrets ...string) provider.Connection {
	if f.Connect != nil {
		return f.Connect(base, secrets...)
	}
	base.Secrets = secrets
	return base
}

// suite is one run of Exercise.
type suite struct {
	p          provider.Provider
	f          Features
	conn       provider.Connection
	samples    []Sample
	lifecycles map[string]*lifecycle.Lifecycle
}

// Exercise holds a provider against the suite, with the connection and the samples of the directory.
func Exercise(t *testing.T, p provider.Provider, f Features, dir string) {
	t.Helper()
	s := load(t, p, f, dir)
	if *update {
		s.signSamples(t)
	}
	t.Run("features", s.features)
	t.Run("lifecycles", s.checkLifecycles)
	t.Run("check", s.check)
	t.Run("credentials", s.credentials)
	t.Run("noise", s.noise)
	for _, sample := range s.samples {
		t.Run(sample.Name, func(t *testing.T) {
			t.Run("verify", func(t *testing.T) { s.verify(t, sample) })
			t.Run("decode", func(t *testing.T) { s.decode(t, sample) })
			t.Run("golden", func(t *testing.T) { s.golden(t, sample) })
		})
	}
}

func load(t testing.TB, p provider.Provider, f Features, dir string) *suite {
	t.Helper()
	if f.Secret == nil || f.Sign == nil || f.Signed && f.Downgrade == nil {
		t.Fatal("Features lacks Secret, Sign or (where Signed) Downgrade: the suite cannot make deliveries without them")
	}
	if f.TypePath == "" && !f.EventTypeInPath {
		t.Fatal("Features names no event type: set TypePath or EventTypeInPath")
	}
	s := &suite{p: p, f: f, lifecycles: make(map[string]*lifecycle.Lifecycle)}
	s.conn, s.samples = Load(t, dir)
	if s.conn.Provider != p.Name() {
		t.Fatalf("connection.json is of provider %q, want %q", s.conn.Provider, p.Name())
	}
	for _, d := range p.Lifecycles() {
		l, err := lifecycle.New(d)
		if err != nil {
			t.Fatal(err)
		}
		if d.Provider != p.Name() || s.lifecycles[d.Kind] != nil {
			t.Errorf("lifecycle of %s %s: of another provider, or defined twice", d.Provider, d.Kind)
		}
		s.lifecycles[d.Kind] = l
	}
	return s
}

// features holds the declaration itself against the samples: a lack that no sample shows is declared in vain.
func (s *suite) features(t *testing.T) {
	if s.f.Timestamped && !s.f.Signed {
		t.Error("a time that nothing signs proves nothing: Timestamped needs Signed")
	}
	timeless := false
	for _, sample := range s.samples {
		d := s.p.Describe(&sample.Delivery)
		timeless = timeless || d.Time.IsZero()
		if s.f.EventTimes && d.Time.IsZero() {
			t.Errorf("%s: declared with EventTimes, but the description has no time", sample.Name)
		}
	}
	if !s.f.EventTimes && !timeless {
		t.Error("declared without EventTimes, but every sample has a time")
	}
	seen := make(map[string]bool)
	for n := range 4 {
		secret := s.f.Secret(n)
		if len(secret) < 8 || seen[secret] {
			t.Errorf("Secret(%d) is shorter than 8 bytes or not new", n)
		}
		seen[secret] = true
	}
}

// checkLifecycles wants a sample of every kind, and every sample's status among those that its lifecycle knows.
func (s *suite) checkLifecycles(t *testing.T) {
	seen := make(map[string]bool)
	for _, sample := range s.samples {
		e, _ := s.record(t, sample.Delivery)
		observations, err := s.p.Decode(&e)
		if err != nil {
			continue // the sample's own test says whether it may be parked
		}
		for _, o := range observations {
			seen[o.Entity.Kind] = true
		}
	}
	for kind := range s.lifecycles {
		if !seen[kind] {
			t.Errorf("no sample of kind %s", kind)
		}
	}
}
