package lifecycle

import (
	"strconv"
	"time"
	"unsafe"
)

// Attributes are the facts of an observation beside its status, in groups that are written together: of each group the
// latest writer counts. A nil group says nothing; a group with empty fields says that the provider gives no value (an
// error that is null, say) and writes over an older one.
type Attributes struct {
	Origin       *Origin
	Profile      *Profile
	Balance      *Balance
	Money        *Money
	Relation     *Relation
	Reference    *Reference
	Counterparty *Counterparty
	Failure      *Failure
	Subject      *Subject
	// Object is the provider's object as JSON, credentials taken out; nil where the event does not carry it (a thin
	// event). Not copied, so it must not be changed afterwards.
	Object []byte
}

// Origin is when the provider made the entity. Created is zero where it does not say.
type Origin struct{ Created time.Time }

// Profile is what an account is called. Identifier is an IBAN, CLABE, account number or the like; Currency is ISO 4217, upper case.
type Profile struct{ Name, Currency, Identifier string }

// Balance is an account's balance in minor units, nil where not given.
type Balance struct{ Available, Total *int64 }

// Direction is which way money goes, seen from the connection's account.
type Direction string

// The directions of a payment.
const (
	In  Direction = "in"
	Out Direction = "out"
)

// Money is what a payment moves. Amount is in minor units, nil where not given; Currency is ISO 4217, upper case.
type Money struct {
	Direction Direction
	Amount    *int64
	Currency  string
}

// Relation ties an entity to others of its connection: the account it belongs to, and the entity it came from (the
// payment of a refund, the checkout of a payment).
type Relation struct{ AccountID, ParentID string }

// Reference is the user's own reference.
type Reference struct{ Text string }

// Counterparty is the name of the other side.
type Counterparty struct{ Name string }

// Failure is why a payment or verification failed, in the provider's words.
type Failure struct{ Code, Reason string }

// Subject is what a verification is about: an account number, a document.
type Subject struct{ Text string }

// Minor returns a pointer to an amount in minor units.
func Minor(amount int64) *int64 { return &amount }

// A group is a kind of attributes in flattened form. The order is part of the summary's encoding: add at the end, and
// raise Version.
type group uint8

const (
	groupOrigin group = iota
	groupProfile
	groupBalance
	groupMoney
	groupRelation
	groupReference
	groupCounterparty
	groupFailure
	groupSubject
	groupMode
	groupObject
	groups
)

// value is a group's fields in order; empty where the provider gives none.
type value []string

// flatten appends to entries the groups that an observation writes, with its stamp; fields is the backing array for the
// fields of all groups.
func (o *Observation) flatten(at *stamp, entries []entry, fields []string) []entry {
	a := &o.Attributes
	write := func(g group, values ...string) {
		n := len(fields)
		fields = append(fields, values...)
		entries = append(entries, entry{g, *at, value(fields[n:len(fields):len(fields)])})
	}
	if a.Origin != nil {
		write(groupOrigin, formatTime(a.Origin.Created))
	}
	if a.Profile != nil {
		write(groupProfile, a.Profile.Name, a.Profile.Currency, a.Profile.Identifier)
	}
	if a.Balance != nil {
		write(groupBalance, formatMinor(a.Balance.Available), formatMinor(a.Balance.Total))
	}
	if a.Money != nil {
		write(groupMoney, string(a.Money.Direction), formatMinor(a.Money.Amount), a.Money.Currency)
	}
	if a.Relation != nil {
		write(groupRelation, a.Relation.AccountID, a.Relation.ParentID)
	}
	if a.Reference != nil {
		write(groupReference, a.Reference.Text)
	}
	if a.Counterparty != nil {
		write(groupCounterparty, a.Counterparty.Name)
	}
	if a.Failure != nil {
		write(groupFailure, a.Failure.Code, a.Failure.Reason)
	}
	if a.Subject != nil {
		write(groupSubject, a.Subject.Text)
	}
	if o.Mode != "" {
		write(groupMode, string(o.Mode))
	}
	if a.Object != nil {
		write(groupObject, unsafe.String(unsafe.SliceData(a.Object), len(a.Object)))
	}
	return entries
}

// unflatten is the inverse of flatten, except that absent groups of a summary stay nil.
func unflatten(in *[groups]value) (Attributes, Mode) {
	// What the attributes point to is allocated at once.
	all := &struct {
		origin       Origin
		profile      Profile
		balance      Balance
		money        Money
		relation     Relation
		reference    Reference
		counterparty Counterparty
		failure      Failure
		subject      Subject
	}{}
	var a Attributes
	var mode Mode
	if v := in[groupOrigin]; v != nil {
		all.origin = Origin{Created: parseTime(v[0])}
		a.Origin = &all.origin
	}
	if v := in[groupProfile]; v != nil {
		all.profile = Profile{Name: v[0], Currency: v[1], Identifier: v[2]}
		a.Profile = &all.profile
	}
	if v := in[groupBalance]; v != nil {
		all.balance = Balance{Available: parseMinor(v[0]), Total: parseMinor(v[1])}
		a.Balance = &all.balance
	}
	if v := in[groupMoney]; v != nil {
		all.money = Money{Direction: Direction(v[0]), Amount: parseMinor(v[1]), Currency: v[2]}
		a.Money = &all.money
	}
	if v := in[groupRelation]; v != nil {
		all.relation = Relation{AccountID: v[0], ParentID: v[1]}
		a.Relation = &all.relation
	}
	if v := in[groupReference]; v != nil {
		all.reference = Reference{Text: v[0]}
		a.Reference = &all.reference
	}
	if v := in[groupCounterparty]; v != nil {
		all.counterparty = Counterparty{Name: v[0]}
		a.Counterparty = &all.counterparty
	}
	if v := in[groupFailure]; v != nil {
		all.failure = Failure{Code: v[0], Reason: v[1]}
		a.Failure = &all.failure
	}
	if v := in[groupSubject]; v != nil {
		all.subject = Subject{Text: v[0]}
		a.Subject = &all.subject
	}
	if v := in[groupMode]; v != nil {
		mode = Mode(v[0])
	}
	if v := in[groupObject]; v != nil {
		a.Object = []byte(v[0])
	}
	return a, mode
}

// allFields is how many fields all groups have together.
const allFields = 18

// width is how many fields each group has; decoding a summary checks against it.
var width = [groups]int{
	groupOrigin: 1, groupProfile: 3, groupBalance: 2, groupMoney: 3, groupRelation: 2, groupReference: 1,
	groupCounterparty: 1, groupFailure: 2, groupSubject: 1, groupMode: 1, groupObject: 1,
}

func formatMinor(n *int64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatInt(*n, 10)
}

func parseMinor(s string) *int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return nil // empty: the provider gives no amount
	}
	return &n
}

func formatTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func parseTime(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{} // empty: the provider gives no time
	}
	return t
}
