package declared

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/lifecycle"
)

// kind is one kind of entity: which events speak of it, and where its facts stand.
type kind struct {
	name       string
	when       []string // words, or beginnings that end in *; nil: every event
	id, status source
	attributes attributes
	lifecycle  lifecycle.Definition
}

// attributes are where the columns of the views come from.
type attributes struct {
	created                             timeSource
	name, identifier, currency          source
	available, total, amount            amountSource
	direction                           wordSource
	accountID, parentID, reference      source
	counterparty                        source
	failureCode, failureReason, subject source
}

// columns are the settings of a kind that fill columns of its family's view, beside those that all kinds have.
var columns = map[lifecycle.Family][]string{
	lifecycle.Account: {"name", "currency", "identifier", "available", "total"},
	lifecycle.Payment: {
		"direction", "amount", "currency", "account_id", "parent_id", "reference", "counterparty", "failure_code", "failure_reason",
	},
	lifecycle.Verification: {"subject", "reference", "failure_code", "failure_reason"},
	lifecycle.Mandate:      nil,
	lifecycle.Dispute:      nil,
	lifecycle.Link:         nil,
}

func (r *reader) kinds(a at, provider string, n *naming) []kind {
	items := r.items(a, "list the kinds of entities that the provider speaks of")
	var out []kind
	names, words := map[string]bool{}, map[string]string{}
	for _, item := range items {
		k, f := r.kind(item, provider)
		when := f.get("when")
		if names[k.name] && k.name != "" {
			r.bad(f.get("kind"), fmt.Sprintf("%q is defined twice", k.name), "define each kind once")
			continue
		}
		names[k.name] = true
		switch {
		case k.when == nil && n.kind != "":
			k.when = []string{k.name}
		case when.node == nil && len(items) > 1:
			r.bad(when, "is missing, so that every event would be of this kind",
				`list the types of events that speak of it, such as ["invoice.*"], or give event.kind, the path of the kind's name`)
		}
		for _, w := range k.when {
			if other, twice := words[w]; twice {
				r.bad(when, fmt.Sprintf("%q belongs to kind %s already", w, other), "let each word belong to one kind")
			}
			words[w] = k.name
		}
		out = append(out, k)
	}
	return out
}

// allowed are the settings that a kind of the given family may have. A family that is not known is complained of once,
// not again for each setting.
func allowed(family lifecycle.Family) []string {
	out := []string{"kind", "when", "family", "id", "status", "created_at", "lifecycle"}
	for _, f := range lifecycle.Families() {
		if f == family || family.Statuses() == nil {
			out = append(out, columns[f]...)
		}
	}
	return out
}

func (r *reader) kind(a at, provider string) (kind, fields) {
	family := lifecycle.Family("")
	if a.node.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(a.node.Content); i += 2 {
			if a.node.Content[i].Value == "family" {
				family = lifecycle.Family(a.node.Content[i+1].Value)
			}
		}
	}
	f := r.mapping(a, allowed(family)...)
	if len(f.of) == 0 {
		return kind{}, f
	}
	const mend = "give the provider's noun, such as refund, without a slash"
	k := kind{name: r.text(f.get("kind"), mend)}
	if strings.Contains(k.name, "/") || !event.Printable(k.name) {
		r.bad(f.get("kind"), fmt.Sprintf("%q cannot be a kind", k.name), mend)
	}
	if f.has("when") {
		k.when = r.words(f.get("when"), `list the words of events that speak of this kind, such as [refund] or ["refund.*"]`)
	}
	var families []string
	for _, f := range lifecycle.Families() {
		families = append(families, string(f))
	}
	family = lifecycle.Family(r.choice(f.get("family"), families...))
	if k.id, _ = r.source(f.get("id")); !f.has("id") || k.id.constant != "" {
		r.bad(f.get("id"), "is missing or always the same", "give the path of the entity's id")
	}
	if k.status, _ = r.source(f.get("status")); !f.has("status") {
		r.bad(f.get("status"), "is missing", "give the path of the entity's status")
	}
	k.attributes = r.attributes(f)
	k.lifecycle = lifecycle.Definition{Provider: provider, Kind: k.name, Family: family}
	r.states(f.get("lifecycle"), &k.lifecycle)
	return k, f
}

func (r *reader) attributes(f fields) attributes {
	plain := func(name string) source {
		s, _ := r.source(f.get(name))
		return s
	}
	a := attributes{
		name: plain("name"), identifier: plain("identifier"), currency: plain("currency"),
		accountID: plain("account_id"), parentID: plain("parent_id"), reference: plain("reference"), counterparty: plain("counterparty"),
		failureCode: plain("failure_code"), failureReason: plain("failure_reason"), subject: plain("subject"),
	}
	if f.has("created_at") {
		a.created = r.time(f.get("created_at"))
	}
	for name, to := range map[string]*amountSource{"available": &a.available, "total": &a.total, "amount": &a.amount} {
		if f.has(name) {
			*to = r.amount(f.get(name))
		}
	}
	if f.has("direction") {
		a.direction = r.meaning(f.get("direction"), string(lifecycle.In), string(lifecycle.Out))
	}
	return a
}

// states reads a lifecycle: a list of {word, status, next, final}.
func (r *reader) states(a at, d *lifecycle.Definition) {
	before := len(r.problems)
	var all []string
	for _, s := range d.Family.Statuses() {
		all = append(all, string(s))
	}
	all = append(all, string(lifecycle.Unknown))
	seen := map[string]bool{}
	next := map[string]at{}
	for _, item := range r.items(a, "list the statuses, each {word: …, status: …, next: […], final: true}") {
		f := r.mapping(item, "word", "label", "status", "next", "final")
		s := lifecycle.State{
			Word: r.text(f.get("word"), "give the provider's own word"), Label: r.optional(f.get("label"), "give the word that users see"),
			Final: r.yes(f.get("final")),
		}
		if d.Family != "" {
			s.Status = lifecycle.Status(r.choice(f.get("status"), all...))
		}
		if seen[s.Word] && s.Word != "" {
			r.bad(f.get("word"), fmt.Sprintf("%q is defined twice", s.Word), "define each word once")
		}
		seen[s.Word] = true
		// An empty list says what is true of the last statuses, and is no mistake.
		if f.has("next") && len(f.get("next").node.Content) > 0 {
			s.Next = r.words(f.get("next"), "list the words that may follow directly")
			next[s.Word] = f.get("next")
		}
		d.States = append(d.States, s)
	}
	for _, s := range d.States {
		for _, w := range s.Next {
			if !seen[w] {
				r.bad(next[s.Word], fmt.Sprintf("%q follows %q, but is not defined", w, s.Word), "define it, or take it out")
			}
		}
	}
	if len(r.problems) > before || d.Provider == "" || d.Kind == "" || d.Family == "" {
		return // what is wrong has been said already
	}
	if _, err := lifecycle.New(*d); err != nil {
		r.bad(a, strings.ReplaceAll(err.Error(), "\n", "; "), "let nothing that is not final follow what is final, and keep to 64 statuses")
	}
}
