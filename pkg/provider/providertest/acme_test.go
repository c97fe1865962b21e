package providertest

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tidwall/gjson"

	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
)

// acme is a made-up provider in two flavours, with a fault to be found. Signed, its header is v1.SECONDS.HEX and its body
// {"id","type","at","thing":{"id","state","token"}}. Unsigned, its header is a bearer token, the URL names the event type,
// and the body is the thing itself: {"id","state","token"}, with no event id and no time.
type acme struct {
	signed bool
	fault  string
	count  *atomic.Int64
}

const acmeHeader = "Acme-Signature"

func (acme) Name() string { return "acme" }

func (a acme) secrets(c provider.Connection) []string {
	if a.signed {
		return c.Secrets
	}
	if c.Authorization.Value == "" {
		return nil
	}
	return []string{c.Authorization.Value}
}

func (a acme) Check(c provider.Connection) []provider.Problem {
	secrets := a.secrets(c)
	switch {
	case a.fault == "check leaks" && len(secrets) > 0:
		return []provider.Problem{{Field: "secrets", Text: "odd: " + secrets[0], Mend: "mend it"}}
	case a.fault != "check silent" && (len(secrets) == 0 || secrets[0] == ""):
		return []provider.Problem{{Field: "secrets", Text: "no secret", Mend: "set one"}}
	}
	return nil
}

func (a acme) Verifier(c provider.Connection) (provider.Verifier, error) {
	if a.fault == "secret not needed" {
		return acmeVerifier{a, c}, nil
	}
	for _, s := range append(a.secrets(c), a.secrets(c)...) {
		if s == "" {
			return nil, errors.New("empty secret")
		}
	}
	if len(a.secrets(c)) == 0 {
		return nil, errors.New("no secret")
	}
	return acmeVerifier{a, c}, nil
}

type acmeVerifier struct {
	acme
	conn provider.Connection
}

func (v acmeVerifier) Verify(d *provider.Delivery) (provider.Evidence, error) {
	refuse := func(reason string) (provider.Evidence, error) {
		switch v.fault {
		case "refusal leaks":
			reason += " " + strings.Join(v.secrets(v.conn), " ")
		case "refusal repeats the header":
			reason += " " + d.Header.Get(acmeHeader)
		case "refusal of another type":
			return provider.Evidence{}, errors.New(reason)
		case "refusal with evidence":
			return provider.Evidence{Scheme: "acme"}, provider.Refuse(reason)
		case "refuses nothing":
			return provider.Evidence{Scheme: "acme"}, nil
		}
		return provider.Evidence{}, provider.Refuse(reason)
	}
	evidence := provider.Evidence{Scheme: "acme", Unsigned: !v.signed && v.fault != "unmarked"}
	if !v.signed {
		if v.fault == "records the credential" {
			evidence.Headers = []string{"authorization"}
		}
		token, ok := strings.CutPrefix(d.Header.Get("Authorization"), "Bearer ")
		if !ok || token != v.conn.Authorization.Value {
			return refuse("no credential that is known")
		}
		evidence.Secret = provider.Fingerprint(token)
		return evidence, nil
	}
	if v.fault != "evidence without headers" {
		evidence.Headers = []string{"acme-signature"}
	}
	if v.fault == "touches the delivery" {
		d.Header.Set("Seen", "yes")
	}
	parts := strings.Split(d.Header.Get(acmeHeader), ".")
	if len(parts) != 3 || parts[0] != "v1" && v.fault != "downgraded" {
		return refuse("malformed header")
	}
	at, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil {
		return refuse("malformed time")
	}
	window := time.Minute
	if v.conn.Tolerance != nil && v.fault != "fixed window" {
		window = *v.conn.Tolerance
	}
	age := d.Received.Sub(time.Unix(at, 0))
	if v.fault != "no window" && window > 0 && (age > window || age < -window && v.fault != "no future") {
		return refuse("outside the window")
	}
	for i, secret := range v.secrets(v.conn) {
		if v.fault == "first secret only" && i > 0 {
			break
		}
		if hmac.Equal([]byte(acmeMAC(secret, parts[1], v.covered(d.Body))), []byte(parts[2])) {
			evidence.Secret = provider.Fingerprint(secret)
			return evidence, nil
		}
	}
	return refuse("no signature matches")
}

// covered is what of the body is signed.
func (v acmeVerifier) covered(body []byte) []byte {
	var out bytes.Buffer
	if v.fault == "signs what it parsed" && json.Compact(&out, body) == nil {
		return out.Bytes()
	}
	return body
}

func acmeMAC(secret, at string, body []byte) string {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte("v1." + at + "."))
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil))
}

func (a acme) Describe(d *provider.Delivery) provider.Description {
	parse := provider.ParseBody
	if a.fault == "keeps the body" {
		parse = provider.ViewBody
	}
	root, err := parse(d.Body)
	if err != nil {
		return provider.Description{Type: d.EventType}
	}
	out := provider.Description{Type: d.EventType}
	thing := root
	if a.signed {
		thing = root.Get("thing")
		out = provider.Description{ID: provider.Text(root.Get("id")), Type: provider.Text(root.Get("type")), Time: provider.Time(root.Get("at"))}
	} else if id, state := provider.Text(root.Get("id")), provider.Text(root.Get("state")); id != "" && state != "" {
		out.ID = id + "/" + state
		if a.fault == "key of the bytes" {
			out.ID = Fingerprint(d.Body)
		}
	}
	if id := provider.Text(thing.Get("id")); event.Printable(id) && id != "" {
		out.Kind, out.Entity = "thing", id
	}
	switch a.fault {
	case "describes another entity":
		out.Entity += "x"
	case "describes the arrival":
		out.Time = d.Received
	case "ignores the path":
		out.Type = "thing.changed"
	}
	for _, field := range []*string{&out.ID, &out.Type} {
		if !event.Printable(*field) {
			*field = ""
		}
	}
	return out
}

// Fingerprint is a key of bytes rather than of a fact.
func Fingerprint(b []byte) string { return fmt.Sprintf("%x", sha256.Sum256(b)) }

func (a acme) Decode(e *event.Event) ([]lifecycle.Observation, error) {
	if e.IsLookup() && e.Headers[event.HeaderStatus] == "404" && a.fault != "forgets 404" {
		return []lifecycle.Observation{provider.Observe(e, e.Kind, e.Entity)}, nil
	}
	root, err := provider.ParseBody(e.Body)
	if err != nil {
		if a.fault == "decodes the truncated" {
			return []lifecycle.Observation{provider.Observe(e, "thing", "x")}, nil
		}
		return nil, err
	}
	thing := root
	if a.signed {
		thing = root.Get("thing")
	}
	id, state := provider.Text(thing.Get("id")), provider.Text(thing.Get("state"))
	if a.fault == "panics" && thing.Get("state").Type == gjson.Null {
		panic("state is null")
	}
	if id == "" || !event.Printable(id) || state == "" {
		if a.fault == "parks with the body" {
			return nil, provider.Park(provider.ParkedShape, "in %s", e.Body)
		}
		return nil, provider.Park(provider.ParkedShape, "no id or state")
	}
	if a.fault == "drops unknown statuses" && state != "new" {
		return nil, provider.Park(provider.ParkedShape, "unknown status")
	}
	o := provider.Observe(e, "thing", id)
	o.Status = state
	o.Unsigned = !a.signed && a.fault != "unmarked observation"
	o.Attributes.Reference = &lifecycle.Reference{Text: id}
	o.Attributes.Object = []byte(`{"id":` + thing.Get("id").Raw + `}`)
	switch a.fault {
	case "credential in the object":
		o.Attributes.Object = []byte(thing.Raw)
	case "counts":
		o.Attributes.Reference.Text = strconv.FormatInt(a.count.Add(1), 10)
	case "another kind":
		o.Entity.Kind = "gadget"
	case "another source":
		o.Source = lifecycle.SourceLookup
	case "observes twice":
		return []lifecycle.Observation{o, o}, nil
	}
	return []lifecycle.Observation{o}, nil
}

func (a acme) Lifecycles() []lifecycle.Definition {
	return []lifecycle.Definition{{Provider: "acme", Kind: "thing", Family: lifecycle.Payment, States: []lifecycle.State{
		{Word: "new", Status: lifecycle.Pending, Next: []string{"old"}}, {Word: "old", Status: lifecycle.Succeeded, Final: true},
	}}}
}
