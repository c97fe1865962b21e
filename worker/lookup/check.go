package lookup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/projections"
)

// Verdict is how a provider's answer stands to the store.
type Verdict string

// The verdicts.
const (
	// Agrees: both say the same.
	Agrees Verdict = "agrees"
	// Behind: the store's status can follow from the answer's, as APIs lag behind their webhooks.
	Behind Verdict = "behind"
	// Differs: the provider says what the store does not, and not because it lags.
	Differs Verdict = "differs"
	// Missing: the provider does not know the entity.
	Missing Verdict = "missing"
	// Unclear: the answer could not be had or read, so that nothing is known.
	Unclear Verdict = "unclear"
)

// Finding is what came of asking for one entity.
type Finding struct {
	Entity  lifecycle.Entity
	Verdict Verdict
	// Store and Provider are the provider's words as users see them; empty where there is none.
	Store, Provider string
	// Why says more, in one sentence without personal data; empty where both agree.
	Why string
	// Tells says that the answer, appended, would tell the log something that settles the difference, or, of an entity that the
	// provider does not know, something that the log does not have yet.
	Tells bool

	answer event.Event
}

// entitiesPage is how many entities are read at once; between pages the store is not held.
const entitiesPage = 1_000

// Entities iterates over the entities in the store that the APIs of the runner's connections can be asked for, by connection
// in the order given and by kind and id. It keeps no snapshot, so that it can take as long as it likes. It ends with the first error.
func (r *Runner) Entities(ctx context.Context) iter.Seq2[lifecycle.Entity, error] {
	return func(yield func(lifecycle.Entity, error) bool) {
		for _, a := range r.askers {
			kinds, _ := a.conn.Client.Kinds()
			for _, kind := range kinds {
				for after, more := "", true; more; {
					ids, err := r.ids(ctx, a, kind, after)
					if err != nil {
						yield(lifecycle.Entity{}, err)
						return
					}
					for _, id := range ids {
						if !yield(lifecycle.Entity{Connection: a.conn.Name, Kind: kind, ID: id}, nil) {
							return
						}
						after = id
					}
					more = len(ids) == entitiesPage
				}
			}
		}
	}
}

func (r *Runner) ids(ctx context.Context, a *asker, kind, after string) (ids []string, err error) {
	reader, err := projections.OpenReader(r.config.Path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	return reader.IDs(ctx, a.conn.Name, a.conn.Provider.Name(), kind, after, entitiesPage)
}

// Sample draws n of the entities, each as likely as any other, and keeps their order; all where there are fewer.
func Sample(all iter.Seq2[lifecycle.Entity, error], n int) ([]lifecycle.Entity, error) {
	type drawn struct {
		at int
		e  lifecycle.Entity
	}
	var kept []drawn
	at := 0
	for e, err := range all {
		if err != nil {
			return nil, err
		}
		if len(kept) < n {
			kept = append(kept, drawn{at, e})
		} else if i := rand.IntN(at + 1); i < n {
			kept[i] = drawn{at, e}
		}
		at++
	}
	slices.SortFunc(kept, func(a, b drawn) int { return cmp.Compare(a.at, b.at) })
	out := make([]lifecycle.Entity, len(kept))
	for i, d := range kept {
		out[i] = d.e
	}
	return out, nil
}

// Check asks for one entity, within the connection's rate, and holds the answer against the store. Nothing is appended. An
// error says that the connection cannot be asked, for this entity or any other: that its credentials are refused (see
// Stopped), that its API does not work, or that the context has ended.
func (r *Runner) Check(ctx context.Context, e lifecycle.Entity) (Finding, error) {
	f := Finding{Entity: e, Verdict: Unclear}
	a := r.asker(e.Connection)
	if a == nil {
		return f, fmt.Errorf("lookup: connection %s is not asked", e.Connection)
	}
	answer, err := patiently(ctx, a, func(ctx context.Context) (provider.Answer, error) { return a.conn.Client.Fetch(ctx, e.Kind, e.ID) })
	switch {
	case ctx.Err() != nil:
		return f, ctx.Err()
	case errors.Is(err, provider.ErrUnsupported):
		f.Why = "the API cannot be asked for it"
		return f, nil
	case classOf(err) == provider.Rejected:
		f.Why = describe(err)
		return f, nil
	case errors.Is(err, errStopped):
		return f, fmt.Errorf("asking %s: %s", e.Connection, a.stopped())
	case errors.Is(err, gobreaker.ErrOpenState), errors.Is(err, gobreaker.ErrTooManyRequests):
		return f, fmt.Errorf("asking %s: the API does not work: try again later", e.Connection)
	case err != nil:
		return f, fmt.Errorf("asking %s: %s", e.Connection, describe(err))
	}
	answer.Kind, answer.ID = e.Kind, e.ID
	f.answer = Event(a.conn.Name, a.conn.Provider.Name(), answer, time.Now())
	o, err := a.observe(&f)
	if err != nil {
		f.Why = "the answer cannot be read: " + err.Error()
		return f, nil
	}
	// The store is read after the answer came, so that what it has learned meanwhile does not look like a difference.
	record, err := r.record(ctx, e)
	switch {
	case errors.Is(err, projections.ErrNoEntity):
		f.Why = "the store does not have it any more"
		return f, nil
	case err != nil:
		return f, err
	}
	a.judge(&f, &record, o, answer.Status)
	return f, nil
}

// Append appends the answer that Check got to the log, and returns its observation id once it is durable. It becomes
// state by being folded, as any other.
func (r *Runner) Append(ctx context.Context, f *Finding) (id string, err error) {
	if f.answer.ID == "" {
		return "", fmt.Errorf("lookup: there is no answer for %s", f.Entity.Ref())
	}
	if err := r.publish(ctx, &f.answer); err != nil {
		return "", fmt.Errorf("appending an answer to the log: %w", err)
	}
	return f.answer.ID, nil
}

func (r *Runner) asker(connection string) *asker {
	for _, a := range r.askers {
		if a.conn.Name == connection {
			return a
		}
	}
	return nil
}

func (r *Runner) record(ctx context.Context, e lifecycle.Entity) (out projections.EntityRecord, err error) {
	reader, err := projections.OpenReader(r.config.Path)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	return reader.Entity(ctx, e)
}

// observe is what the answer says of the entity that was asked for.
func (a *asker) observe(f *Finding) (o *lifecycle.Observation, err error) {
	defer func() {
		if p := recover(); p != nil { // its text may quote the body
			err = fmt.Errorf("decoding it panicked with a %T", p)
		}
	}()
	observations, err := a.conn.Provider.Decode(&f.answer)
	if err != nil {
		return nil, err
	}
	for i := range observations {
		if observations[i].Entity == f.Entity {
			return &observations[i], nil
		}
	}
	return nil, errors.New("it does not speak of the entity")
}

// judge holds an answer against what the store has.
func (a *asker) judge(f *Finding, record *projections.EntityRecord, o *lifecycle.Observation, httpStatus int) {
	l := a.lifecycles[f.Entity.Kind]
	if l == nil {
		f.Why = "no lifecycle is known for its kind"
		return
	}
	state := l.State(record.Summary)
	f.Store, f.Provider = state.ProviderStatus, l.Label(o.Status)
	word := ""
	for i := range record.Claims {
		if record.Claims[i].ID == state.Current {
			word = record.Claims[i].Status
		}
	}
	switch {
	case o.Status == "" && httpStatus != http.StatusOK:
		f.absent(record, state.Current != "", o.Time(), a.conn.Grace)
		return
	case f.Store == f.Provider:
		f.Verdict = Agrees
		return
	case o.Status == "":
		f.Why = "the answer gives no status"
		return
	case state.Current == "":
		f.Why = "the log has no status of it"
	case l.Reachable(o.Status, word) && !l.Reachable(word, o.Status):
		f.Verdict, f.Why = Behind, "the store's status can follow from the answer's"
		return
	case l.Reachable(o.Status, word) && o.Time().Sub(state.UpdatedAt) < a.conn.Grace:
		f.Verdict, f.Why = Behind, "the store's status can follow from the answer's, and is new"
		return
	case l.Reachable(word, o.Status):
		f.Why = "the answer's status can follow from the store's: a webhook is lost, or on its way"
	default:
		f.Why = "neither status can follow from the other"
	}
	f.Verdict = Differs
	after := l.State(l.Join(record.Summary, l.Observe(o)))
	if f.Tells = after.ProviderStatus == f.Provider; !f.Tells {
		f.Why += "; the fold keeps the store's even with the answer"
	}
}

// absent judges an entity that the provider does not know.
func (f *Finding) absent(record *projections.EntityRecord, claimed bool, now time.Time, grace time.Duration) {
	var delivered, denied time.Time
	for _, o := range record.Timeline {
		switch {
		case o.Source != lifecycle.SourceLookup:
			delivered = latest(delivered, o.Recorded)
		case o.ProviderStatus == "":
			denied = latest(denied, o.Recorded)
		}
	}
	switch {
	case !claimed:
		f.Verdict = Agrees
	case now.Sub(delivered) < grace:
		f.Verdict, f.Why = Behind, "the API does not know it yet, so soon after the delivery"
	case denied.After(delivered):
		f.Verdict, f.Why = Missing, "the provider does not know it, which the log has already"
	default:
		f.Verdict, f.Why, f.Tells = Missing, "the provider does not know it", true
	}
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
