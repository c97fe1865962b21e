package lookup

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/projections"
)

const (
	// sweepBack is how far a first sweep looks back.
	sweepBack = 24 * time.Hour
	// sweepOverlap is how far a sweep begins before the last one: lists lag, too.
	sweepOverlap = time.Hour
	// sweepFirst spreads the first sweeps after a start.
	sweepFirst = 30 * time.Second
	// sweepClaim is how long a sweep may go without a sign of life before another process begins one.
	sweepClaim = 5 * time.Minute
	// overdueMost is how many overdue wants one sweep makes at most, so that a store that was left alone does not fill with them.
	overdueMost = 10_000
	overdueStep = 500
)

// Swept is what a sweep did.
type Swept struct {
	// Overdue is how many entities are newly wanted because they are overdue.
	Overdue int
	// Listed are the entries of the provider's lists, Missing those appended because they, or their status, never reached the log,
	// Unclear those that name no entity.
	Listed, Missing, Unclear int
	// Lists are the kinds that were gone through.
	Lists []string
	// Asked are the look-ups that Runner.Sweep made afterwards.
	Asked int
}

// Sweep makes one sweep of a connection by hand, and then serves its wants until none is due. Since is how far back to look in lists, nil
// for where the last sweep ended; where a sweep with the same since was cut off, it goes on from there.
func (r *Runner) Sweep(ctx context.Context, connection string, since *time.Time) (did Swept, err error) {
	for _, a := range r.askers {
		if a.conn.Name != connection {
			continue
		}
		if did, err = a.sweep(ctx, since, rand.Text()); err != nil {
			return did, err
		}
		did.Asked, err = a.serveDue(ctx)
		return did, err
	}
	return did, fmt.Errorf("lookup: connection %s is not asked", connection)
}

// brokenMost is how many seconds serveDue waits for an API that does not work.
const brokenMost = 90

// serveDue serves wants one after the other until none is due.
func (a *asker) serveDue(ctx context.Context) (asked int, err error) {
	for broken := 0; ; {
		lease, next, err := a.next(ctx)
		switch why := a.stopped(); {
		case err != nil:
			return asked, err
		case why != "":
			return asked, fmt.Errorf("look-ups of %s are stopped: %s: correct api in the configuration", a.conn.Name, why)
		case lease != nil:
			a.handle(ctx, lease)
			asked++
			continue
		case !next.Due:
			return asked, nil
		case a.breaker.State() == gobreaker.StateOpen:
			if broken++; broken > brokenMost {
				return asked, fmt.Errorf("the API of %s does not work: try again later", a.conn.Name)
			}
		}
		if !sleep(ctx, next.In) {
			return asked, ctx.Err()
		}
	}
}

// position is where a list is being gone through, as it is noted in the store.
type position struct {
	// Since is where the sweep under way begins, Began when it did; Next is the page to go on with.
	Since, Began time.Time
	Next         string
	// Done is when the last sweep that came to its end began.
	Done time.Time
}

func (a *asker) sweepAgainAndAgain(ctx context.Context) {
	for wait := jitter(sweepFirst) / 2; sleep(ctx, wait); wait = jitter(a.conn.Sweep) {
		select {
		case <-a.halt:
			return
		default:
		}
		did, err := a.sweep(ctx, nil, rand.Text())
		switch {
		case errors.Is(err, errSweeping):
		case err != nil:
			a.runner.complain(ctx, "a sweep of "+a.conn.Name+" did not come to its end; the next one goes on from there", err)
		case did.Overdue+did.Missing > 0:
			a.runner.log.Info("look-ups: a sweep found what was missing", "connection", a.conn.Name, "overdue", did.Overdue, "missing", did.Missing)
		}
	}
}

// errSweeping says that another process makes the sweep.
var errSweeping = errors.New("another process is sweeping this connection; let it finish")

// sweep makes wants of what is overdue and appends what the lists have and the log has not. Since is where to begin, nil where
// the last sweep ended.
func (a *asker) sweep(ctx context.Context, since *time.Time, owner string) (did Swept, err error) {
	if err := a.claim(ctx, owner, sweepClaim); err != nil {
		return did, err
	}
	defer func() { // the next sweep need not wait for the claim to end
		now := time.Now()
		_, e := a.runner.config.Store.Claim(context.WithoutCancel(ctx), "sweep/"+a.conn.Name, owner, now, now.Add(-time.Second))
		err = errors.Join(err, e)
	}()
	reader, err := projections.OpenReader(a.runner.config.Path)
	if err != nil {
		return did, err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	if did.Overdue, err = a.findOverdue(ctx, reader); err != nil {
		return did, err
	}
	_, kinds := a.conn.Client.Kinds()
	for _, kind := range kinds {
		if err := a.list(ctx, reader, kind, since, owner, &did); err != nil {
			return did, fmt.Errorf("the list of %s: %w", kind, err)
		}
		did.Lists = append(did.Lists, kind)
	}
	return did, nil
}

func (a *asker) claim(ctx context.Context, owner string, d time.Duration) error {
	now := time.Now()
	got, err := a.runner.config.Store.Claim(ctx, "sweep/"+a.conn.Name, owner, now, now.Add(d))
	if err == nil && !got {
		err = errSweeping
	}
	return err
}

// findOverdue makes wants of the entities that have been in an unsettled status for too long.
func (a *asker) findOverdue(ctx context.Context, reader *projections.Reader) (added int, err error) {
	if len(a.conn.Overdue) == 0 {
		return 0, nil
	}
	store := a.runner.config.Store
	if err := store.DropSettled(ctx); err != nil {
		return 0, err
	}
	now, shortest := time.Now(), time.Duration(0)
	for _, d := range a.conn.Overdue {
		if d > 0 && (shortest == 0 || d < shortest) {
			shortest = d
		}
	}
	for from, last := int64(0), false; !last && added < overdueMost; {
		var waiting []projections.Waiting
		waiting, from, last, err = reader.Waiting(ctx, from, now.Add(-shortest))
		if err != nil {
			return added, err
		}
		var found []lifecycle.Entity
		for i := range waiting {
			if w := &waiting[i]; w.Entity.Connection == a.conn.Name && a.overdue(w, now) {
				found = append(found, w.Entity)
			}
		}
		for len(found) > 0 {
			n := min(len(found), overdueStep)
			more, err := store.WantOverdue(ctx, found[:n], now)
			if err != nil {
				return added, err
			}
			added, found = added+more, found[n:]
		}
	}
	return added, nil
}

// overdue says whether an entity has been unsettled, and unheard of, for longer than its kind allows. Each time that it is asked for in
// vain it may take as long again as it took so far, so that what is abandoned is not asked for forever.
func (a *asker) overdue(w *projections.Waiting, now time.Time) bool {
	l, allowed := a.lifecycles[w.Entity.Kind], a.conn.Overdue[w.Entity.Kind]
	if l == nil || allowed <= 0 || w.Provider != l.Provider || !unsettled(l, w.Status, w.ProviderStatus) {
		return false
	}
	heard := w.UpdatedAt
	if w.Answered.After(heard) {
		heard = w.Answered
	}
	return now.Sub(heard) >= max(allowed, heard.Sub(w.CreatedAt))
}

// unsettled says whether something is still to come for an entity that users see in this status. A status that the provider
// calls final is settled, and so are all that Hookfold does not count as a way to somewhere. A failure that is not final is one: a customer
// whose documents were refused sends others.
func unsettled(l *lifecycle.Lifecycle, status lifecycle.Status, label string) bool {
	switch status {
	case lifecycle.Unknown:
		return true
	case lifecycle.Pending, lifecycle.Processing, lifecycle.Held, lifecycle.Open, lifecycle.Failed:
	default:
		return false
	}
	for _, s := range l.States {
		if s.Status == status && l.Label(s.Word) == label && !s.Final {
			return true
		}
	}
	return false
}

// list goes through the list of a kind from where the last sweep stopped, noting after each page where it is.
func (a *asker) list(ctx context.Context, reader *projections.Reader, kind string, since *time.Time, owner string, did *Swept) error {
	key := "sweep/" + a.conn.Name + "/" + kind
	at, err := a.position(ctx, key, since)
	if err != nil {
		return err
	}
	for {
		if err := a.claim(ctx, owner, sweepClaim); err != nil {
			return err
		}
		page, err := a.page(ctx, provider.ListQuery{Kind: kind, Since: at.Since, Cursor: at.Next})
		switch {
		case errors.Is(err, provider.ErrUnsupported):
			return nil
		case classOf(err) == provider.Rejected && at.Next != "":
			at.Next = "" // a place in the list that the provider does not know any more
			return errors.Join(err, a.note(ctx, key, at))
		case err != nil:
			return err
		}
		did.Listed += len(page.Answers)
		did.Unclear += page.Skipped
		for _, answer := range page.Answers {
			missing, err := a.appendMissing(ctx, reader, answer)
			if err != nil {
				return err
			}
			if missing {
				did.Missing++
			}
		}
		if at.Next = page.Next; at.Next == "" {
			at.Done = at.Began
			return a.note(ctx, key, at)
		}
		if err := a.note(ctx, key, at); err != nil {
			return err
		}
	}
}

// position is where to go on with a list: in the middle of the sweep that was cut off, or with a new one. Where a time is given, a
// sweep that began at another time is begun anew.
func (a *asker) position(ctx context.Context, key string, since *time.Time) (at position, err error) {
	text, err := a.runner.config.Store.Note(ctx, key)
	if err != nil {
		return at, err
	}
	if text != "" {
		if err := json.Unmarshal([]byte(text), &at); err != nil {
			at = position{} // a note of another version: begin anew
		}
	}
	now := time.Now().UTC()
	switch {
	case at.Next != "" && (since == nil || since.Equal(at.Since)):
		return at, nil
	case since != nil:
		at.Since = since.UTC()
	case at.Done.IsZero():
		at.Since = now.Add(-sweepBack)
	default:
		at.Since = at.Done.Add(-sweepOverlap)
	}
	at.Next, at.Began = "", now
	return at, nil
}

func (a *asker) note(ctx context.Context, key string, at position) error {
	text, err := json.Marshal(at)
	if err != nil {
		return err
	}
	return a.runner.config.Store.SetNote(ctx, key, string(text))
}

// page asks for one page.
func (a *asker) page(ctx context.Context, q provider.ListQuery) (provider.Page, error) {
	return patiently(ctx, a, func(ctx context.Context) (provider.Page, error) { return a.conn.Client.List(ctx, q) })
}

// patiently makes a request as often as it takes: what is urgent goes first, and faults pass.
func patiently[T any](ctx context.Context, a *asker, request func(context.Context) (T, error)) (answer T, err error) {
	for attempt := 0; ; attempt++ {
		if err := a.token(ctx); err != nil {
			return answer, err
		}
		answer, err = through(ctx, a, request)
		now := time.Now()
		var wait time.Duration
		switch {
		case errors.Is(err, errStopped):
			return answer, err
		case classOf(err) == provider.Unavailable:
			wait = max(time.Until(backoff(attempt, now)), retryAfter(err))
		case classOf(err) == provider.RateLimited:
			wait = a.limited(ctx, err, now)
		default:
			return answer, err
		}
		if attempt >= breakerFailures || !sleep(ctx, wait) {
			return answer, errors.Join(err, ctx.Err())
		}
	}
}

// token waits until a request is allowed.
func (a *asker) token(ctx context.Context) error {
	for {
		wait, err := a.runner.config.Store.TakeToken(ctx, a.conn.Name, a.conn.Rate, time.Now())
		if wait == 0 || err != nil {
			return err
		}
		if !sleep(ctx, wait) {
			return ctx.Err()
		}
	}
}

// appendMissing appends an entry of a list that tells of an entity, or of a status, that never reached the log.
func (a *asker) appendMissing(ctx context.Context, reader *projections.Reader, answer provider.Answer) (missing bool, err error) {
	e := Event(a.conn.Name, a.conn.Provider.Name(), answer, time.Now())
	observations, err := a.conn.Provider.Decode(&e)
	if err != nil {
		a.runner.complain(ctx, "an entry of a list of "+answer.Kind+" cannot be read", err)
		return false, nil
	}
	for i := range observations {
		o := &observations[i]
		if o.Entity.Kind != answer.Kind || o.Entity.ID != answer.ID {
			continue
		}
		known, claimed, err := reader.Claims(o.Entity, o.Status)
		if err != nil {
			return false, err
		}
		missing = missing || !known || !claimed
	}
	if !missing {
		return false, nil
	}
	if err := a.runner.publish(ctx, &e); err != nil {
		return false, err
	}
	a.runner.metrics.asked(a.conn.Name, "missing")
	return true, nil
}
