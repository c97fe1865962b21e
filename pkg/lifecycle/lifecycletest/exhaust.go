// Package lifecycletest examines a lifecycle: whether the state that it gives a set of observations is free of their
// order, their number and their batches, for every set that can be made of an alphabet of observations.
//
// # Why this covers every permutation
//
// Exhaust takes every subset T of the alphabet and every member x of T, and demands that joining x to the summary of T
// without x gives the summary of T, byte for byte. By induction over the size of a set, every order in which the
// members of T can be joined one by one then ends at the same summary. It further demands that joining x to the summary
// of T changes nothing, which covers every duplication, and that the summary survives its encoding, which covers every
// restart in between. Sets of any size up to the alphabet's are covered, not only up to six.
//
// Nothing here is used outside tests. A user who adds a provider runs it on the provider's definitions.
package lifecycletest

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

// Exhaust holds the laws for every set of observations over the alphabets of a definition.
func Exhaust(t *testing.T, d lifecycle.Definition) {
	t.Helper()
	l, err := lifecycle.New(d)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range Alphabets(d) {
		t.Run(a.Name, func(t *testing.T) { exhaust(t, l, a.Observations) })
	}
}

func exhaust(t *testing.T, l *lifecycle.Lifecycle, alphabet []lifecycle.Observation) {
	single := make([]lifecycle.Summary, len(alphabet))
	for i := range alphabet {
		single[i] = l.Observe(&alphabet[i])
	}
	// encoded[T] is the summary of the set whose members are the bits of T.
	encoded := make([][]byte, 1<<len(alphabet))
	for set := 1; set < len(encoded); set++ {
		for x := range alphabet {
			if set&(1<<x) == 0 {
				continue
			}
			var rest lifecycle.Summary
			if before := encoded[set&^(1<<x)]; before != nil {
				var err error
				if rest, err = lifecycle.DecodeSummary(before); err != nil {
					t.Fatalf("%s: %v", name(alphabet, set), err)
				}
			}
			joined := l.Join(rest, single[x])
			b := joined.AppendBinary(nil)
			if encoded[set] == nil {
				encoded[set] = b
			}
			if !bytes.Equal(b, encoded[set]) {
				t.Fatalf("%s: another summary if %s comes last", name(alphabet, set), name(alphabet, 1<<x))
			}
			if again := l.Join(joined, single[x]).AppendBinary(nil); !bytes.Equal(again, b) {
				t.Fatalf("%s: another summary if %s comes twice", name(alphabet, set), name(alphabet, 1<<x))
			}
		}
	}
}

func name(alphabet []lifecycle.Observation, set int) string {
	var b bytes.Buffer
	for i, o := range alphabet {
		if set&(1<<i) != 0 {
			fmt.Fprintf(&b, "[%s %s %q %s] ", o.ID, o.Source, o.Status, o.Time().Format("05"))
		}
	}
	return b.String()
}

// Alphabet is a small world of observations of one entity.
type Alphabet struct {
	Name         string
	Observations []lifecycle.Observation
}

// Alphabets are the worlds in which a definition is examined. "in time" has each status once, at times in the order of
// the definition; "ties" has all in one second; "noise" has half of the statuses beside look-ups, statuses that nobody
// knows, missing times and facts that only some observations carry. Statuses beyond what an alphabet can hold are left
// out of it and examined by the next, overlapping by half.
func Alphabets(d lifecycle.Definition) []Alphabet {
	var out []Alphabet
	for part, words := range windows(d, maxAlphabet) {
		out = append(out,
			Alphabet{fmt.Sprintf("in time %d", part), build(d, words, func(i int) time.Time { return at(i) })},
			Alphabet{fmt.Sprintf("ties %d", part), build(d, words, func(int) time.Time { return at(1) })},
			Alphabet{fmt.Sprintf("against time %d", part), build(d, words, func(i int) time.Time { return at(30 - i) })},
		)
	}
	for part, words := range windows(d, maxAlphabet-noise) {
		out = append(out, Alphabet{fmt.Sprintf("noise %d", part), noisy(d, words)})
	}
	return out
}

// noise is how many observations noisy adds.
const noise = 7

func noisy(d lifecycle.Definition, words []string) []lifecycle.Observation {
	out := build(d, words, func(i int) time.Time { return at(2 * i) })
	first, last := words[0], words[len(words)-1]
	extra := []lifecycle.Observation{
		{Status: last, Occurred: at(3), Source: lifecycle.SourceLookup},
		{Status: first, Occurred: at(9), Source: lifecycle.SourceLookup},
		{Status: "", Occurred: at(5), Source: lifecycle.SourceLookup},
		{Status: "a word of tomorrow", Occurred: at(4), Source: lifecycle.SourceWebhook},
		{Status: "another", Occurred: at(4), Source: lifecycle.SourceWebhook},
		{Status: first, Source: lifecycle.SourceWebhook},
		{Status: last, Source: lifecycle.SourceWebhook, Unsigned: true},
	}
	for i := range extra {
		out = append(out, finish(d, extra[i], len(out)))
	}
	return out
}

func build(d lifecycle.Definition, words []string, when func(int) time.Time) []lifecycle.Observation {
	var out []lifecycle.Observation
	for i, w := range words {
		out = append(out, finish(d, lifecycle.Observation{Status: w, Occurred: when(i), Source: lifecycle.SourceWebhook}, i))
	}
	return out
}

// finish gives the i-th observation of an alphabet its identity and facts; which facts differs from one to the next.
func finish(d lifecycle.Definition, o lifecycle.Observation, i int) lifecycle.Observation {
	o.Entity = lifecycle.Entity{Connection: "c", Kind: d.Kind, ID: "1"}
	o.ID = fmt.Sprintf("evt_%02d", (i*7)%16) // not in the order of time
	o.Type = d.Provider + ".event"
	o.Recorded = at(20 + (i*5)%16)
	o.Fingerprint = lifecycle.Fingerprint{byte(i)}
	if i%2 == 0 {
		o.Attributes.Money = &lifecycle.Money{Amount: lifecycle.Minor(int64(i)), Currency: "EUR"}
	}
	if i%3 == 0 {
		o.Attributes.Failure = &lifecycle.Failure{Code: fmt.Sprint(i)}
	}
	if i%4 != 3 {
		o.Attributes.Object = fmt.Appendf(nil, `{"n":%d}`, i)
	}
	return o
}

// windows cuts the statuses of a definition into runs of at most n, each overlapping the one before by half.
func windows(d lifecycle.Definition, n int) [][]string {
	var words []string
	for _, s := range d.States {
		words = append(words, s.Word)
	}
	var out [][]string
	for from := 0; ; from += n / 2 {
		if len(words)-from <= n {
			return append(out, words[from:])
		}
		out = append(out, words[from:from+n])
	}
}

func at(second int) time.Time {
	return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).Add(time.Duration(second) * time.Second)
}
