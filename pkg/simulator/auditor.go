package simulator

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Auditor holds what a receiver made of a plan against what is true. Feed it the rows of the receiver's views, then ask for the
// Verdict. What it expects comes from the plan's histories and the common statuses of this package alone.
//
// It expects the end of every history. So it is to be asked when the receiver has had time to fold what was sent; and where
// deliveries were dropped, only look-ups can make it content. It does not miss an entity that no delivery tells of and no list of the
// provider's API holds.
type Auditor struct {
	plan    *Plan
	byKey   map[string]*Entity
	seen    map[string]bool
	events  map[string]bool           // connection and observation id, of the timeline
	facts   map[string]map[string]int // webhooks in the timeline, by connection and entity
	verdict Verdict
}

// Verdict is what an auditor found.
type Verdict struct {
	Seed uint64 `json:"seed"`
	// Entities is how many there should be, Right how many are there and as they should be.
	Entities int `json:"entities"`
	Right    int `json:"right"`
	// Missing entities are not there, Wrong ones are otherwise than they should be, Extra ones should not be there.
	Missing []Difference `json:"missing"`
	Wrong   []Difference `json:"wrong"`
	Extra   []Difference `json:"extra"`
	// Lost are deliveries that were acknowledged and are not in the log; Believed are forged and stale ones that were acknowledged.
	Lost     []Difference `json:"lost"`
	Believed []Difference `json:"believed"`
	// Twice are events that the timeline counts more than once.
	Twice []Difference `json:"twice"`
	// Abused are the APIs that were asked more than they allow, or so often with bad credentials that the key was locked.
	Abused []Difference `json:"abused"`
}

// Difference is one finding.
type Difference struct {
	Connection string `json:"connection"`
	// Kind and ID are empty where it is not about an entity.
	Kind string `json:"kind,omitempty"`
	ID   string `json:"id,omitempty"`
	// Field is the column that differs, empty where the whole entity does.
	Field    string `json:"field,omitempty"`
	Expected string `json:"expected,omitempty"`
	Found    string `json:"found,omitempty"`
}

func (d Difference) String() string {
	text := d.Connection
	if d.Kind != "" {
		text += " " + d.Kind + "/" + d.ID
	}
	if d.Field != "" {
		text += " " + d.Field
	}
	if d.Expected != "" {
		text += ": expected " + d.Expected
	}
	if d.Found != "" {
		text += ", found " + d.Found
	}
	return text
}

// OK says that nothing differs.
func (v *Verdict) OK() bool {
	return len(v.Missing)+len(v.Wrong)+len(v.Extra)+len(v.Lost)+len(v.Believed)+len(v.Twice)+len(v.Abused) == 0
}

// CanChange says that something differs which a receiver may still put right, when it has had more time.
func (v *Verdict) CanChange() bool {
	return len(v.Missing)+len(v.Wrong)+len(v.Extra)+len(v.Lost) > 0
}

// NewAuditor makes an auditor of a plan.
func NewAuditor(p *Plan) *Auditor {
	a := &Auditor{
		plan: p, byKey: map[string]*Entity{}, seen: map[string]bool{}, events: map[string]bool{}, facts: map[string]map[string]int{},
		verdict: Verdict{
			Seed: p.Seed, Entities: len(p.Entities), Missing: []Difference{}, Wrong: []Difference{}, Extra: []Difference{}, Lost: []Difference{},
			Believed: []Difference{}, Twice: []Difference{}, Abused: []Difference{},
		},
	}
	for _, e := range p.Entities {
		a.byKey[key(e.Connection, e.Kind, e.ID)] = e
	}
	return a
}

func key(connection, kind, id string) string { return connection + "\x00" + kind + "\x00" + id }

// Views are the views that an auditor reads: those of the families, and the timeline.
func Views() []string {
	return []string{"accounts", "payments", "verifications", "mandates", "disputes", "links", "timeline"}
}

// Row takes a row of a view: its columns by name, as text, int64 or nil. Rows of connections that are not the plan's are passed over.
func (a *Auditor) Row(view string, row map[string]any) {
	connection, kind, id := text(row["connection"]), text(row["kind"]), text(row["id"])
	if a.plan.byName[connection] == nil {
		return
	}
	k := key(connection, kind, id)
	if view == "timeline" {
		a.events[connection+"\x00"+text(row["observation_id"])] = true
		if text(row["source"]) == "webhook" {
			if a.facts[k] == nil {
				a.facts[k] = map[string]int{}
			}
			a.facts[k][text(row["type"])]++
		}
		return
	}
	e := a.byKey[k]
	if e == nil || e.Family+"s" != view {
		a.verdict.Extra = append(a.verdict.Extra, Difference{Connection: connection, Kind: kind, ID: id, Found: "a row in " + view + ", status " + text(row["status"])})
		return
	}
	a.seen[k] = true
	if !a.compare(e, row) {
		return
	}
	a.verdict.Right++
}

// compare notes what differs and says whether nothing does.
func (a *Auditor) compare(e *Entity, row map[string]any) bool {
	right := true
	field := func(name, want string) {
		if got := text(row[name]); got != want {
			right = false
			a.verdict.Wrong = append(a.verdict.Wrong, Difference{e.Connection, e.Kind, e.ID, name, want, or(got)})
		}
	}
	field("provider", e.Provider)
	field("status", e.Last().Status)
	if words := e.words; len(words) > 0 && !slices.Contains(words, text(row["provider_status"])) {
		right = false
		a.verdict.Wrong = append(a.verdict.Wrong, Difference{e.Connection, e.Kind, e.ID, "provider_status", strings.Join(words, " or "), or(text(row["provider_status"]))})
	}
	if e.Amount != nil {
		field("amount", fmt.Sprint(*e.Amount))
		field("direction", e.Direction)
	}
	if e.Currency != "" {
		field("currency", e.Currency)
	}
	return right
}

func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case []byte:
		return string(v)
	default:
		return fmt.Sprint(v)
	}
}

func or(got string) string {
	if got == "" {
		return "nothing"
	}
	return got
}

// Sent takes what came of the deliveries, so that every acknowledged one is looked for in the timeline, and no other.
func (a *Auditor) Sent(s *Sent) {
	byType := map[string]map[string]map[string]bool{} // the acknowledged facts of events that have no id, by entity and type
	for _, d := range a.plan.Deliveries {
		if !s.Acknowledged[d.Number] {
			continue
		}
		if d.EventID != "" {
			if id := d.Connection + "\x00" + d.EventID; !a.events[id] {
				a.events[id] = true // found missing once is enough
				a.verdict.Lost = append(a.verdict.Lost, Difference{Connection: d.Connection, Kind: d.Kind, ID: d.ID, Field: d.Type, Expected: "event " + d.EventID})
			}
			continue
		}
		k := key(d.Connection, d.Kind, d.ID)
		if byType[k] == nil {
			byType[k] = map[string]map[string]bool{}
		}
		if byType[k][d.Type] == nil {
			byType[k][d.Type] = map[string]bool{}
		}
		byType[k][d.Type][d.Fact] = true
	}
	for _, e := range a.plan.Entities { // in a fixed order
		k := key(e.Connection, e.Kind, e.ID)
		for _, typ := range sortedKeys(byType[k]) {
			want, got := len(byType[k][typ]), a.facts[k][e.Provider+"."+typ]
			if got < want {
				a.verdict.Lost = append(a.verdict.Lost, Difference{e.Connection, e.Kind, e.ID, typ, fmt.Sprintf("%d events", want), fmt.Sprint(got)})
			}
		}
	}
	for _, n := range s.Believed {
		d := a.plan.Deliveries[n]
		a.verdict.Believed = append(a.verdict.Believed, Difference{d.Connection, d.Kind, d.ID, d.Type, "a refusal of the " + string(d.Fault) + " delivery", "a 2xx"})
	}
}

// Asked takes what the APIs were asked: a receiver must keep to their limits, and leave its keys in order.
func (a *Auditor) Asked(counts map[string]APICounts) {
	for _, c := range a.plan.Connections {
		n := counts[c.Provider]
		limit, per := c.actor.allowance()
		if n.OverLimit > 0 {
			a.verdict.Abused = append(a.verdict.Abused, Difference{
				Connection: c.Name, Field: "requests", Expected: fmt.Sprintf("at most %d in %v", limit, per), Found: fmt.Sprintf("%d beyond that", n.OverLimit),
			})
		}
		if n.Locked {
			a.verdict.Abused = append(a.verdict.Abused, Difference{
				Connection: c.Name, Field: "key", Expected: "one that works", Found: fmt.Sprintf("locked after %d requests with bad credentials", n.Unauthorized),
			})
		}
	}
}

// Conduct is a verdict on what the APIs were asked alone, for where there are no rows.
func (a *Auditor) Conduct() Verdict {
	return a.verdict
}

// Verdict closes the audit: entities of which no row came are missing, and of no type may an entity have more webhooks in the timeline
// than there are events.
func (a *Auditor) Verdict() Verdict {
	v := a.verdict
	v.Missing, v.Twice = slices.Clone(v.Missing), append(slices.Clone(v.Twice), a.repeated()...)
	for _, e := range a.plan.Entities {
		if e.unlisted && !e.told {
			continue // nobody could know of it
		}
		if !a.seen[key(e.Connection, e.Kind, e.ID)] {
			v.Missing = append(v.Missing, Difference{Connection: e.Connection, Kind: e.Kind, ID: e.ID, Expected: e.Last().Status})
		}
	}
	return v
}

// repeated finds what was counted more than once. An event that tells of further entities is counted for each of them, and is only
// looked for at the first. One without any name can rightly be taken for a new one.
func (a *Auditor) repeated() []Difference {
	planned := map[string]map[string]map[string]bool{}
	for _, d := range a.plan.Deliveries {
		if !d.Genuine() || d.nameless {
			continue
		}
		k := key(d.Connection, d.Kind, d.ID)
		if planned[k] == nil {
			planned[k] = map[string]map[string]bool{}
		}
		if planned[k][d.Type] == nil {
			planned[k][d.Type] = map[string]bool{}
		}
		planned[k][d.Type][d.Fact] = true
	}
	var out []Difference
	for _, e := range a.plan.Entities { // in a fixed order
		k := key(e.Connection, e.Kind, e.ID)
		for _, typ := range sortedKeys(planned[k]) {
			if most, got := len(planned[k][typ]), a.facts[k][e.Provider+"."+typ]; got > most {
				out = append(out, Difference{e.Connection, e.Kind, e.ID, typ, fmt.Sprintf("%d events", most), fmt.Sprint(got)})
			}
		}
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
