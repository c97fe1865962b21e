package fintoc

import (
	"strings"

	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
)

// Describe reads the envelope of a delivery. Kind and entity are those of the resource itself, or of the link or account
// that a refresh intent speaks of.
func (*Provider) Describe(d *provider.Delivery) provider.Description {
	root, err := provider.ViewBody(d.Body)
	if err != nil {
		return provider.Description{} // recorded all the same, and parked when it is decoded
	}
	var v envelope
	var r resource
	v.read(root.Raw, &r)
	out := provider.Description{Time: provider.Time(v.created.parse())}
	if event.Printable(v.id) {
		out.ID = v.id
	}
	if len(Name)+1+len(v.word) <= event.MaxAttribute && event.Printable(v.word) {
		out.Type = v.word
	}
	if kind, id, err := subject(&r, v.word); err == nil {
		out.Kind, out.Entity = kind, id
	}
	return out.Clone()
}

// Decode turns an event, or the answer to a look-up, into observations: first of the resource it is about, then of those
// within it.
func (*Provider) Decode(e *event.Event) ([]lifecycle.Observation, error) {
	if e.IsLookup() {
		return decodeAnswer(e)
	}
	root, err := provider.ViewBody(e.Body)
	if err != nil {
		return nil, err
	}
	var v envelope
	var r resource
	v.read(root.Raw, &r)
	kind, id, err := subject(&r, v.word)
	if err != nil {
		return nil, err
	}
	d := decoder{event: e, word: v.word, mode: v.mode}
	if r.isRefresh(v.word) {
		d.refresh(&r, kind, id)
		return d.out, nil
	}
	if err := d.resource(&r, kind, id); err != nil {
		return nil, err
	}
	return d.out, nil
}

// decodeAnswer reads the answer of the API to a look-up of the event's subject: the object itself, or a 404.
func decodeAnswer(e *event.Event) ([]lifecycle.Observation, error) {
	if !isKind(e.Kind) {
		return nil, provider.Park(provider.ParkedType, "look-up of %s, which is no kind of Fintoc's", plain(e.Kind))
	}
	switch status := e.Headers[event.HeaderStatus]; {
	case status == "404", status == "410":
		return []lifecycle.Observation{provider.Observe(e, e.Kind, e.Entity)}, nil
	case !strings.HasPrefix(status, "2"):
		return nil, provider.Park(provider.ParkedShape, "the answer to a look-up of a %s has HTTP status %s, which says nothing of it", e.Kind, plain(status))
	}
	root, err := provider.ViewBody(e.Body)
	if err != nil {
		return nil, err
	}
	var r resource
	r.read(value(strings.TrimRight(root.Raw, space)))
	if object := r.object.str(); object != "" && object != e.Kind || r.id.text() != e.Entity {
		return nil, provider.Park(provider.ParkedShape, "the answer to a look-up of a %s is about another object", e.Kind)
	}
	d := decoder{event: e}
	if err := d.resource(&r, e.Kind, e.Entity); err != nil {
		return nil, err
	}
	return d.out, nil
}

// subject is the entity that an event is about. The error is a *Parked.
func subject(r *resource, word string) (kind, id string, err error) {
	if r.isRefresh(word) {
		kind, id = r.refreshedObject.str(), r.refreshedID.text()
		if kind == "" {
			kind, _, _ = strings.Cut(word, ".")
		}
		if kind != kindLink && kind != kindAccount {
			return "", "", provider.Park(provider.ParkedShape, "event %s: a refresh intent of neither a link nor an account", plain(word))
		}
	} else {
		kind, id = r.object.str(), r.id.text()
		if kind == "" {
			kind, _, _ = strings.Cut(word, ".")
		}
		if !isKind(kind) {
			return "", "", provider.Park(provider.ParkedType, "event %s is about object %s, which is no kind known here", plain(word), plain(kind))
		}
	}
	if !usable(kind, id) {
		return "", "", provider.Park(provider.ParkedShape, "event %s: its %s has no usable id", plain(word), kind)
	}
	return kind, id, nil
}

// usable says whether an id can name an entity in the envelope.
func usable(kind, id string) bool {
	return id != "" && len(kind)+1+len(id) <= event.MaxAttribute && event.Printable(id)
}

// plain is a foreign word fit for an error: quoted if it is short and looks like a word of Fintoc's, else left out.
func plain(word string) string {
	if word == "" || len(word) > 64 || strings.ContainsFunc(word, func(r rune) bool {
		return (r < 'a' || r > 'z') && r != '.' && r != '_'
	}) {
		return "(no word)"
	}
	return word
}

// decoder collects the observations of one event.
type decoder struct {
	event      *event.Event
	word, mode string
	out        []lifecycle.Observation
}

// resource observes an object and those within it. It fails where the status is no text that can be kept.
func (d *decoder) resource(r *resource, kind, id string) error {
	status := d.status(r, kind)
	if !event.Printable(status) {
		return provider.Park(provider.ParkedShape, "event %s: the status of its %s is too long or not printable", plain(d.word), kind)
	}
	o := d.observe(r, kind, id, status)
	r.attributes(kind, &o.Attributes)
	switch kind {
	case kindCheckoutSession:
		d.within(r.paymentResource.get(kindPaymentIntent), kindPaymentIntent, id)
	case kindSubscriptionIntent:
		d.within(r.subscription, kindSubscription, id)
	case kindTransfer:
		d.within(r.accountNumber, kindAccountNumber, "")
	case kindLink:
		d.accounts(r.accounts, id)
	}
	return nil
}

// observe begins an observation at the end of out. The pointer holds until the next one is begun.
func (d *decoder) observe(r *resource, kind, id, status string) *lifecycle.Observation {
	if len(d.out) == 0 {
		d.out = append(d.out, provider.Observe(d.event, kind, id))
	} else {
		d.out = append(d.out, d.out[0]) // what comes from the event is the same, its fingerprint dear
	}
	o := &d.out[len(d.out)-1]
	o.Entity.Kind, o.Entity.ID, o.Attributes = kind, id, lifecycle.Attributes{}
	o.Mode, o.Status = r.modeOf(d.mode), status
	return o
}

// within observes an object that stands in another one, if it is there and can be named; parent is the other one's id.
func (d *decoder) within(object value, kind, parent string) {
	if !object.isObject() {
		return
	}
	var r resource
	r.read(object)
	id := r.id.text()
	status := d.status(&r, kind)
	if !usable(kind, id) || r.object.exists() && r.object.str() != kind || !event.Printable(status) {
		return // the outer object keeps it, whatever it is
	}
	o := d.observe(&r, kind, id, status)
	r.attributes(kind, &o.Attributes)
	if parent != "" {
		o.Attributes.Relation = &lifecycle.Relation{ParentID: parent}
	}
	if !r.createdAt.exists() && kind != kindAccount {
		o.Attributes.Object = nil // abridged: it must not stand in for the object that other events carry whole
	}
}

// accounts observes the accounts of a link, each once: an event makes one observation of an entity.
func (d *decoder) accounts(accounts value, link string) {
	seen := make(map[string]bool)
	for account := range accounts.elements() {
		if id := idOf(account); !seen[id] {
			seen[id] = true
			d.within(account, kindAccount, link)
		}
	}
}

// refresh observes the link or account of a refresh intent. A success proves that it can be read, a rejection that the
// link's credentials no longer hold (for an account that is its link's matter). A failure says nothing of either. The
// object is not carried.
func (d *decoder) refresh(r *resource, kind, id string) {
	status := ""
	switch outcome := r.status.text(); {
	case outcome == "succeeded" && kind == kindLink:
		status = wordActive
	case outcome == "succeeded":
		status = wordLinked
	case outcome == "rejected" && kind == kindLink:
		status = wordLogin
	case outcome == "rejected", outcome == "failed", outcome == "created", outcome == "":
	case event.Printable(wordRefresh + outcome):
		status = wordRefresh + outcome
	}
	d.observe(r, kind, id, status).Attributes.Failure = failure(r.publicError)
}

// status is what an object claims: its own status, made finer where that does not say enough, or what stands in for it
// where it has none.
func (d *decoder) status(r *resource, kind string) string {
	word := r.status.text()
	switch kind {
	case kindCheckoutSession:
		if word == wordFinished {
			if payment := r.paymentResource.get(kindPaymentIntent).get("status").text(); payment != "" {
				return finishedWord(payment)
			}
		}
	case kindAccountNumber:
		if d.word == "account_number.deleted" && (word == "" || word == wordEnabled || word == wordDisabled) {
			return wordDeleted
		}
	case kindLink:
		if word == "" {
			return d.linkStatus(r)
		}
	case kindAccount:
		if word == "" {
			return accountStatus(r)
		}
	}
	return word
}

// linkStatus stands in for the status of a link from an API version that has none.
func (d *decoder) linkStatus(r *resource) string {
	switch {
	case d.word == "link.credentials_changed":
		return wordLogin
	case r.active == "true":
		return wordActive
	case r.active == "false":
		return wordInactive
	}
	return ""
}

// accountStatus stands in for the status of a bank account under a link. A business account without a status is another
// thing: nothing is known of it.
func accountStatus(r *resource) string {
	switch {
	case r.isBusiness():
		return ""
	case r.removed == "true":
		return wordRemoved
	}
	return wordLinked
}

// isBusiness tells the account of the transfers product from a bank account under a link, by its members.
func (r *resource) isBusiness() bool {
	return r.availableBalance.exists() || r.entity.exists() || r.rootNumber.exists()
}
