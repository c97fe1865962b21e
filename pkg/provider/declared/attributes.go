package declared

import (
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
)

// attributes are what the body says of the entity. A group is written where the body has any of its fields, null
// included; where it has none, an older value stays.
func (r *reading) attributes() lifecycle.Attributes {
	a := &r.kind.attributes
	var out lifecycle.Attributes
	if r.has(&a.created.source) {
		out.Origin = &lifecycle.Origin{Created: a.created.time(r.body, r.object)}
	}
	payment := r.kind.lifecycle.Family == lifecycle.Payment
	if !payment && r.has(&a.name, &a.currency, &a.identifier) {
		out.Profile = &lifecycle.Profile{Name: r.word(&a.name), Currency: strings.ToUpper(r.word(&a.currency)), Identifier: r.word(&a.identifier)}
	}
	if r.has(&a.available.source, &a.total.source) {
		out.Balance = &lifecycle.Balance{Available: a.available.minor(r.body, r.object), Total: a.total.minor(r.body, r.object)}
	}
	if payment && r.has(&a.amount.source, &a.currency, &a.direction.source) {
		out.Money = &lifecycle.Money{
			Direction: lifecycle.Direction(a.direction.word(r.body, r.object)),
			Amount:    a.amount.minor(r.body, r.object),
			Currency:  strings.ToUpper(r.word(&a.currency)),
		}
	}
	if r.has(&a.accountID, &a.parentID) {
		out.Relation = &lifecycle.Relation{AccountID: r.word(&a.accountID), ParentID: r.word(&a.parentID)}
	}
	if r.has(&a.reference) {
		out.Reference = &lifecycle.Reference{Text: r.word(&a.reference)}
	}
	if r.has(&a.counterparty) {
		out.Counterparty = &lifecycle.Counterparty{Name: r.word(&a.counterparty)}
	}
	if r.has(&a.failureCode, &a.failureReason) {
		out.Failure = &lifecycle.Failure{Code: r.word(&a.failureCode), Reason: r.word(&a.failureReason)}
	}
	if r.has(&a.subject) {
		out.Subject = &lifecycle.Subject{Text: r.word(&a.subject)}
	}
	return out
}

func (r *reading) word(s *source) string { return word(s.get(r.body, r.object)) }

// has says whether the body has any of the fields; those that are always the same count only where no other is declared.
func (r *reading) has(sources ...*source) bool {
	if slices.ContainsFunc(sources, func(s *source) bool { return s.path != "" }) {
		return slices.ContainsFunc(sources, func(s *source) bool { return s.path != "" && s.get(r.body, r.object).Exists() })
	}
	return slices.ContainsFunc(sources, func(s *source) bool { return s.constant != "" })
}

// redacted is an object without the fields of the given names, at any depth; a part of the body where none are given.
func redacted(object gjson.Result, names []string) []byte {
	if len(names) == 0 {
		return provider.View(object)
	}
	return appendRedacted(make([]byte, 0, len(object.Raw)), object, names)
}

func appendRedacted(out []byte, r gjson.Result, names []string) []byte {
	if !r.IsObject() && !r.IsArray() {
		return append(out, r.Raw...)
	}
	open, shut := byte('['), byte(']')
	if r.IsObject() {
		open, shut = '{', '}'
	}
	out = append(out, open)
	first := true
	r.ForEach(func(key, value gjson.Result) bool {
		if r.IsObject() && slices.Contains(names, key.Str) {
			return true
		}
		if !first {
			out = append(out, ',')
		}
		first = false
		if r.IsObject() {
			out = append(append(out, key.Raw...), ':')
		}
		out = appendRedacted(out, value, names)
		return true
	})
	return append(out, shut)
}
