package lifecycle_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

// The laws are held for two lifecycles: one with a circle, branches, a final status that can be undone and a dead end,
// and one that is a single circle. Words w1 and w2 are in neither.

func payment(t testing.TB) *lifecycle.Lifecycle {
	t.Helper()
	return compile(t, lifecycle.Definition{
		Provider: "test", Kind: "payment", Family: lifecycle.Payment, WantsSigned: true,
		States: []lifecycle.State{
			{Word: "created", Status: lifecycle.Pending, Next: []string{"queued", "denied"}},
			{Word: "queued", Status: lifecycle.Pending, Next: []string{"processing", "held"}},
			{Word: "held", Status: lifecycle.Held, Next: []string{"queued", "denied"}},
			{Word: "processing", Status: lifecycle.Processing, Next: []string{"confirmed", "rejected"}},
			{Word: "confirmed", Status: lifecycle.Succeeded, Final: true, Next: []string{"reversed"}},
			{Word: "rejected", Status: lifecycle.Failed, Final: true},
			{Word: "denied", Status: lifecycle.Failed, Final: true},
			{Word: "reversed", Status: lifecycle.Returned, Final: true},
		},
	})
}

func account(t testing.TB) *lifecycle.Lifecycle {
	t.Helper()
	return compile(t, lifecycle.Definition{
		Provider: "test", Kind: "account", Family: lifecycle.Account,
		States: []lifecycle.State{
			{Word: "active", Status: lifecycle.Active, Next: []string{"blocked"}},
			{Word: "blocked", Status: lifecycle.Blocked, Next: []string{"active"}},
		},
	})
}

func compile(t testing.TB, d lifecycle.Definition) *lifecycle.Lifecycle {
	t.Helper()
	l, err := lifecycle.New(d)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

var words = []string{"created", "queued", "held", "processing", "confirmed", "rejected", "denied", "reversed", "active", "blocked", "w1", "w2", ""}

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// observation draws one of a small world, so that ties, repeated ids, differing bodies and missing times are common.
func observation(t *rapid.T, label string) lifecycle.Observation {
	second := func(name string, n int) time.Time {
		return start.Add(time.Duration(rapid.IntRange(0, n).Draw(t, label+name)) * time.Second)
	}
	o := lifecycle.Observation{
		Entity:      lifecycle.Entity{Connection: "c", Kind: "payment", ID: "p1"},
		ID:          fmt.Sprintf("evt_%d", rapid.IntRange(0, 5).Draw(t, label+"id")),
		Type:        "test.event",
		Source:      lifecycle.SourceWebhook,
		Status:      rapid.SampledFrom(words).Draw(t, label+"status"),
		Recorded:    second("recorded", 4),
		Fingerprint: lifecycle.Fingerprint{byte(rapid.IntRange(0, 1).Draw(t, label+"body"))},
		Unsigned:    rapid.Bool().Draw(t, label+"unsigned"),
	}
	if rapid.IntRange(0, 3).Draw(t, label+"timed") > 0 {
		o.Occurred = second("occurred", 3)
	}
	if rapid.IntRange(0, 4).Draw(t, label+"asked") == 0 {
		o.Source = lifecycle.SourceLookup
	}
	if rapid.Bool().Draw(t, label+"money") {
		o.Attributes.Money = &lifecycle.Money{Direction: lifecycle.Out, Amount: lifecycle.Minor(int64(rapid.IntRange(0, 9).Draw(t, label+"amount"))), Currency: "EUR"}
	}
	if rapid.Bool().Draw(t, label+"failure") {
		o.Attributes.Failure = &lifecycle.Failure{Code: rapid.SampledFrom([]string{"", "AC04"}).Draw(t, label+"code")}
	}
	if rapid.Bool().Draw(t, label+"thick") {
		o.Attributes.Object = []byte(fmt.Sprintf(`{"n":%d}`, rapid.IntRange(0, 9).Draw(t, label+"object")))
	}
	return pure(o)
}

// pure makes what an observation says a function of its id and body, as in the log: the same bytes decode to the same facts.
func pure(o lifecycle.Observation) lifecycle.Observation {
	sum := bytes.Buffer{}
	fmt.Fprint(&sum, o.ID, o.Source, o.Status, o.Occurred, o.Unsigned, o.Fingerprint, o.Attributes.Money != nil, o.Attributes.Failure, string(o.Attributes.Object))
	if o.Attributes.Money != nil {
		fmt.Fprint(&sum, *o.Attributes.Money.Amount)
	}
	var h byte
	for _, b := range sum.Bytes() {
		h = h*31 + b
	}
	o.Fingerprint = lifecycle.Fingerprint{o.Fingerprint[0], h}
	// The hash above is one byte of a small world; what it does not tell apart is told apart here.
	copy(o.Fingerprint[2:], fmt.Sprintf("%x", sum.Len()))
	return o
}

func history(t *rapid.T, n int) []lifecycle.Observation {
	out := make([]lifecycle.Observation, rapid.IntRange(1, n).Draw(t, "n"))
	for i := range out {
		out[i] = observation(t, fmt.Sprintf("o%d.", i))
	}
	return out
}

func encode(l *lifecycle.Lifecycle, observations []lifecycle.Observation) []byte {
	sum, _ := l.Fold(observations)
	return sum.AppendBinary(nil)
}

func TestJoinIsASemilattice(t *testing.T) {
	for _, l := range []*lifecycle.Lifecycle{payment(t), account(t)} {
		rapid.Check(t, func(t *rapid.T) {
			fold := func(name string) lifecycle.Summary {
				sum, _ := l.Fold(history(t, 5))
				return sum
			}
			a, b, c := fold("a"), fold("b"), fold("c")
			same := func(law string, x, y lifecycle.Summary) {
				if !bytes.Equal(x.AppendBinary(nil), y.AppendBinary(nil)) {
					t.Fatalf("%s does not hold", law)
				}
				if diff := cmp.Diff(l.State(x), l.State(y)); diff != "" {
					t.Fatalf("%s does not hold for the state: %s", law, diff)
				}
			}
			same("commutativity", l.Join(a, b), l.Join(b, a))
			same("associativity", l.Join(l.Join(a, b), c), l.Join(a, l.Join(b, c)))
			same("idempotence", l.Join(a, a), a)
			same("idempotence of a part", l.Join(l.Join(a, b), a), l.Join(a, b))
			same("the empty set", l.Join(a, lifecycle.Summary{}), a)
		})
	}
}

// Folding a set at once, and joining the summaries of any partition of it, is the same: what pruning forgets never counts.
func TestFoldIsFreeOfBatching(t *testing.T) {
	l := payment(t)
	rapid.Check(t, func(t *rapid.T) {
		kept, _ := lifecycle.Dedupe(history(t, 12))
		whole := encode(l, kept)
		var joined lifecycle.Summary
		for len(kept) > 0 {
			n := rapid.IntRange(1, len(kept)).Draw(t, "batch")
			batch, _ := l.Fold(kept[:n])
			joined = l.Join(joined, batch)
			kept = kept[n:]
		}
		if !bytes.Equal(whole, joined.AppendBinary(nil)) {
			t.Fatal("batches give another summary than the whole")
		}
	})
}

// A Joiner, used again and again, says what Join says.
func TestJoinerJoins(t *testing.T) {
	for _, l := range []*lifecycle.Lifecycle{payment(t), account(t)} {
		var j lifecycle.Joiner
		rapid.Check(t, func(t *rapid.T) {
			base, _ := l.Fold(rapid.SampledFrom([][]lifecycle.Observation{nil, history(t, 8)}).Draw(t, "base"))
			before, want := base.AppendBinary(nil), base
			j.Begin(l, base)
			for i := range rapid.IntRange(0, 30).Draw(t, "parts") {
				part, _ := l.Fold(history(t, 3))
				want = l.Join(want, part)
				if err := j.Join(part.AppendBinary(nil)); err != nil {
					t.Fatal(err)
				}
				if rapid.Bool().Draw(t, fmt.Sprintf("look %d", i)) && !bytes.Equal(want.AppendBinary(nil), j.Summary().AppendBinary(nil)) {
					t.Fatal("a joiner gives another summary than Join")
				}
			}
			if !bytes.Equal(want.AppendBinary(nil), j.Summary().AppendBinary(nil)) {
				t.Fatal("a joiner gives another summary than Join")
			}
			if diff := cmp.Diff(l.State(want), l.State(j.Summary())); diff != "" {
				t.Fatalf("a joiner's summary gives another state: %s", diff)
			}
			if !bytes.Equal(before, base.AppendBinary(nil)) {
				t.Fatal("a joiner changed what it began with")
			}
			if j.Join([]byte{lifecycle.Version, 0}) == nil {
				t.Fatal("a damaged summary was joined")
			}
		})
	}
}

func TestFoldIsFreeOfOrderAndNumber(t *testing.T) {
	l := payment(t)
	rapid.Check(t, func(t *rapid.T) {
		h := history(t, 12)
		want := encode(l, h)
		_, differing := l.Fold(h)
		again := append(rapid.Permutation(h).Draw(t, "order"), rapid.SliceOfN(rapid.SampledFrom(h), 0, 6).Draw(t, "again")...)
		if !bytes.Equal(want, encode(l, again)) {
			t.Fatal("another order or number gives another summary")
		}
		_, differingAgain := l.Fold(again)
		if diff := cmp.Diff(differing, differingAgain); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestSummaryCodec(t *testing.T) {
	l := payment(t)
	rapid.Check(t, func(t *rapid.T) {
		want := encode(l, history(t, 12))
		sum, err := lifecycle.DecodeSummary(want)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(want, sum.AppendBinary(nil)) {
			t.Fatal("a summary does not survive its encoding")
		}
		if cut := rapid.IntRange(0, len(want)-1).Draw(t, "cut"); cut < len(want) {
			if _, err := lifecycle.DecodeSummary(want[:cut]); err == nil {
				t.Fatal("a truncated summary was read")
			}
		}
	})
}

func FuzzDecodeSummary(f *testing.F) {
	f.Add([]byte{lifecycle.Version, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		sum, err := lifecycle.DecodeSummary(b)
		if err != nil {
			return
		}
		if _, err := lifecycle.DecodeSummary(sum.AppendBinary(nil)); err != nil {
			t.Fatalf("what was decoded cannot be decoded again: %v", err)
		}
	})
}

// However many observations there are, a summary holds at most one claim for each status.
func TestSummaryIsBounded(t *testing.T) {
	l := account(t)
	var sum lifecycle.Summary
	var after10 int
	for i := range 10_000 {
		o := lifecycle.Observation{
			ID: fmt.Sprintf("evt_%05d", i), Status: []string{"active", "blocked"}[i%2], Source: lifecycle.SourceWebhook,
			Occurred: start.Add(time.Duration(i%977) * time.Second), Recorded: start,
			Attributes: lifecycle.Attributes{Balance: &lifecycle.Balance{Available: lifecycle.Minor(100)}, Object: []byte("{}")},
		}
		sum = l.Join(sum, l.Observe(&o))
		if size := len(sum.AppendBinary(nil)); i == 10 {
			after10 = size
		} else if i > 10 && size > after10+16 {
			t.Fatalf("after %d observations the summary has %d bytes, after 10 it had %d", i+1, size, after10)
		}
	}
}
