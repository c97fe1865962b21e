package providertest

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hookfold/hookfold/pkg/provider"
)

// verify holds verification against one sample and what can be made of it.
func (s *suite) verify(t *testing.T, sample Sample) {
	t.Run("sample", func(t *testing.T) { s.goodSample(t, sample) })
	t.Run("secrets", func(t *testing.T) { s.secrets(t, sample) })
	t.Run("headers", func(t *testing.T) { s.headers(t, sample) })
	t.Run("times", func(t *testing.T) { s.times(t, sample) })
	t.Run("bodies", func(t *testing.T) { s.bodies(t, sample) })
}

// goodSample: the sample verifies as it stands, and again by what its evidence names alone.
func (s *suite) goodSample(t *testing.T, sample Sample) {
	d, before := Clone(sample.Delivery), Clone(sample.Delivery)
	evidence := s.accepts(t, s.conn, &d)
	if diff := cmp.Diff(before.Header, d.Header); diff != "" || !bytes.Equal(before.Body, d.Body) {
		t.Errorf("Verify changed the delivery: %s", diff)
	}
	if !strings.HasPrefix(evidence.Scheme, s.p.Name()) {
		t.Errorf("scheme %q does not begin with the provider's name", evidence.Scheme)
	}
	if evidence.Unsigned == s.f.Signed {
		t.Errorf("Evidence.Unsigned is %v, declared Signed is %v", evidence.Unsigned, s.f.Signed)
	}
	alone := Clone(d)
	alone.Header = make(http.Header)
	for _, name := range evidence.Headers {
		if name != strings.ToLower(name) || d.Header.Get(name) == "" {
			t.Errorf("evidence names header %q, which is not in lower case or not in the request", name)
		}
		alone.Header.Set(name, d.Header.Get(name))
	}
	if s.f.Signed {
		if again := s.accepts(t, s.conn, &alone); !cmp.Equal(evidence, again) {
			t.Errorf("verified again by its evidence: %s", cmp.Diff(evidence, again))
		}
	} else {
		s.refuses(t, s.conn, &alone, "evidence alone: a static credential must not be among the recorded headers")
	}
}

// secrets: wrong, missing, rotated and empty secrets.
func (s *suite) secrets(t *testing.T, sample Sample) {
	old, fresh, foreign := s.f.Secret(1), s.f.Secret(2), s.f.Secret(3)
	signed := func(secret string) *provider.Delivery {
		d := Clone(sample.Delivery)
		s.f.Sign(s.f.connect(s.conn, secret), &d, d.Received)
		return &d
	}
	if got := s.accepts(t, s.f.connect(s.conn, old), signed(old)).Secret; got != provider.Fingerprint(old) {
		t.Errorf("evidence names secret %q, want the fingerprint of the one that matched", got)
	}
	s.refuses(t, s.f.connect(s.conn, old), signed(foreign), "signed with a wrong secret")
	s.refuses(t, s.f.connect(s.conn, fresh), signed(old), "signed with a secret that was rotated out")
	if s.f.Rotates {
		both := s.f.connect(s.conn, fresh, old)
		for _, secret := range []string{old, fresh} {
			if got := s.accepts(t, both, signed(secret)).Secret; got != provider.Fingerprint(secret) {
				t.Errorf("evidence names secret %q, want the fingerprint of the one that matched", got)
			}
		}
		s.refuses(t, both, signed(foreign), "signed with neither of two live secrets")
	}
	for _, none := range []provider.Connection{s.f.connect(s.conn), s.f.connect(s.conn, "")} {
		s.refuses(t, none, signed(old), "no secret configured")
		s.refuses(t, none, signed(""), "no secret configured, signed with the empty one")
		d := Clone(sample.Delivery)
		d.Header = make(http.Header)
		d.Header.Set("Content-Type", "application/json")
		s.refuses(t, none, &d, "no secret configured, no credential sent")
	}
}

// headers: missing, malformed and downgraded signatures.
func (s *suite) headers(t *testing.T, sample Sample) {
	names := s.signatureHeaders(s.conn, sample.Delivery)
	if len(names) == 0 {
		t.Fatal("Sign sets no header")
	}
	bare := Clone(sample.Delivery)
	for _, name := range names {
		bare.Header.Del(name)
	}
	s.refuses(t, s.conn, &bare, "no signature headers")
	for _, name := range names {
		good := sample.Delivery.Header.Get(name)
		try := func(value, what string) {
			d := Clone(sample.Delivery)
			d.Header.Set(name, value)
			s.refuses(t, s.conn, &d, what+" "+name)
		}
		d := Clone(sample.Delivery)
		d.Header.Del(name)
		s.refuses(t, s.conn, &d, "missing "+name)
		for _, value := range []string{"", " ", ",", "=", ".", "null", "0", "t=,v1=", "v1,", "Basic", "Bearer ", strings.Repeat("9", 40), "\x00", "é"} {
			try(value, "malformed")
		}
		for i := range good {
			try(good[:i], "truncated")
			try(good[:i]+"~"+good[i+1:], "damaged")
		}
	}
	if s.f.Signed {
		down := Clone(bare)
		s.f.Downgrade(s.conn, &down, down.Received)
		if cmp.Equal(down.Header, bare.Header) {
			t.Error("Downgrade sets no header")
		}
		s.refuses(t, s.conn, &down, "downgraded signature")
	}
}

// times: the window, its edges, and its switch.
func (s *suite) times(t *testing.T, sample Sample) {
	signed := func(age time.Duration) *provider.Delivery {
		d := Clone(sample.Delivery)
		d.Received = d.Received.Truncate(time.Second) // signed times have whole seconds
		s.f.Sign(s.conn, &d, d.Received.Add(-age))
		return &d
	}
	window := func(d time.Duration) provider.Connection {
		conn := s.conn
		conn.Tolerance = &d
		return conn
	}
	byDefault := s.conn
	byDefault.Tolerance = nil
	const year = 365 * 24 * time.Hour
	if !s.f.Timestamped {
		s.accepts(t, byDefault, signed(year))
		s.accepts(t, window(time.Second), signed(year))
		return
	}
	for _, age := range []time.Duration{0, s.f.Tolerance, -s.f.Tolerance} {
		s.accepts(t, byDefault, signed(age))
	}
	if s.f.Tolerance > 0 {
		s.refuses(t, byDefault, signed(s.f.Tolerance+time.Second), "stale by default")
		s.refuses(t, byDefault, signed(-s.f.Tolerance-time.Second), "from the future by default")
	}
	s.accepts(t, window(10*time.Second), signed(10*time.Second))
	s.refuses(t, window(10*time.Second), signed(11*time.Second), "stale by the connection's tolerance")
	s.refuses(t, window(10*time.Second), signed(-11*time.Second), "from the future by the connection's tolerance")
	s.accepts(t, window(0), signed(year))
	s.accepts(t, window(0), signed(-year))
}

// bodies: changed at any byte, lengthened, shortened, serialised again. What is not signed cannot be refused.
func (s *suite) bodies(t *testing.T, sample Sample) {
	v, err := s.p.Verifier(s.conn)
	if err != nil {
		t.Fatal(err)
	}
	try := func(body []byte, what string) {
		d := Clone(sample.Delivery)
		d.Body = body
		if _, err := v.Verify(&d); (err != nil) != s.f.Signed {
			t.Errorf("%s: Verify answers %v, declared Signed is %v", what, err, s.f.Signed)
		}
	}
	body := sample.Delivery.Body
	for i := range body {
		changed := bytes.Clone(body)
		changed[i] ^= 1
		try(changed, "body changed by one byte")
	}
	try(append(bytes.Clone(body), '\n'), "body with a newline more")
	try(nil, "empty body")
	if len(body) > 0 {
		try(body[:len(body)-1], "body with a byte less")
	}
	var out bytes.Buffer
	if err := json.Indent(&out, body, "", "\t"); err == nil {
		try(out.Bytes(), "body serialised again")
	}
}

func (s *suite) accepts(t testing.TB, conn provider.Connection, d *provider.Delivery) provider.Evidence {
	t.Helper()
	v, err := s.p.Verifier(conn)
	if err != nil {
		t.Fatalf("no verifier: %v", err)
	}
	evidence, err := v.Verify(d)
	if err != nil {
		t.Errorf("refused: %v", err)
	}
	return evidence
}

// refuses wants a *provider.Refusal from the verifier, or no verifier at all, and neither with a secret in it.
func (s *suite) refuses(t testing.TB, conn provider.Connection, d *provider.Delivery, what string) {
	t.Helper()
	v, err := s.p.Verifier(conn)
	if err != nil {
		s.discreet(t, err.Error(), conn, d)
		return
	}
	evidence, err := v.Verify(d)
	if err == nil {
		t.Errorf("accepted: %s", what)
		return
	}
	var refusal *provider.Refusal
	if !errors.As(err, &refusal) {
		t.Errorf("%s: refused with a %T, want a *provider.Refusal", what, err)
	}
	if !cmp.Equal(evidence, provider.Evidence{}) {
		t.Errorf("%s: refused, but with evidence", what)
	}
	s.discreet(t, err.Error(), conn, d)
}

// discreet wants one line that names no secret, no header's value and nothing of the body.
func (s *suite) discreet(t testing.TB, text string, conn provider.Connection, d *provider.Delivery) {
	t.Helper()
	if text == "" || strings.ContainsAny(text, "\r\n") {
		t.Errorf("the reason %q is not one line", text)
	}
	hidden := append([]string{conn.Authorization.Value, conn.API.Secret}, conn.Secrets...)
	for n := range 4 {
		hidden = append(hidden, s.f.Secret(n))
	}
	if d != nil {
		hidden = append(hidden, personal(d.Body)...)
		for _, name := range s.signatureHeaders(s.conn, *d) {
			hidden = append(hidden, d.Header.Get(name))
		}
	}
	for _, h := range hidden {
		if len(h) >= 6 && strings.Contains(text, h) {
			t.Errorf("the reason %q repeats a secret or something of the delivery", text)
		}
	}
}

// check: the samples' connection is in order, one without secrets is not, and no problem repeats a secret.
func (s *suite) check(t *testing.T) {
	if problems := s.p.Check(s.conn); len(problems) > 0 {
		t.Errorf("connection.json: %v", problems)
	}
	odd := s.f.connect(s.conn, "an odd secret \x7f with spaces")
	odd.API.Secret = "another odd secret"
	for _, conn := range []provider.Connection{odd, s.f.connect(s.conn), s.f.connect(s.conn, "")} {
		problems := s.p.Check(conn)
		if len(problems) == 0 && (len(conn.Secrets) == 0 || conn.Secrets[0] == "") && conn.Authorization.Value == "" {
			t.Error("Check finds nothing wrong with a connection without a secret")
		}
		for _, p := range problems {
			if p.Field == "" || p.Text == "" || p.Mend == "" {
				t.Errorf("problem %+v lacks its field, text or mend", p)
			}
			s.discreet(t, p.Field+": "+p.Text+" "+p.Mend, conn, nil)
		}
	}
}
