//go:build linux

package faults

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"
)

// watcher reads the store all the while, as an application beside Hookfold does: what it reads never goes back.
type watcher struct {
	site  *site
	p     *provider
	seen  map[string]seen
	looks int
	wrong []string
}

type seen struct {
	place        int // of the provider's word in the payment's story, if it is final: up to then the events' times may move it back
	observations int
}

func (w *watcher) watch(ctx context.Context, r *rand.Rand) {
	for wait(ctx, 200*time.Millisecond) {
		if _, err := os.Stat(w.site.store()); err != nil {
			continue // not made yet
		}
		// SQLite's readers need a little space too, and are told so where the disk has none.
		if err := w.look(ctx, r); err != nil && ctx.Err() == nil && !strings.Contains(err.Error(), "no space left on device") {
			w.wrong = append(w.wrong, fmt.Sprintf("the store could not be read: %v", err))
		}
	}
}

// final are the words after which nothing comes, but for reversed after confirmed.
var final = []string{"confirmed", "rejected", "denied", "reversed"}

// look reads some payments.
func (w *watcher) look(ctx context.Context, r *rand.Rand) error {
	db, err := openStore(w.site.store())
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // it was only read
	w.p.mu.Lock()
	var some []*entity
	for range min(20, len(w.p.entities)) {
		some = append(some, w.p.entities[r.IntN(len(w.p.entities))])
	}
	w.p.mu.Unlock()
	for _, e := range some {
		var word string
		var now seen
		var conflict bool
		err := db.QueryRowContext(ctx, "SELECT provider_status, observations, conflict FROM payments WHERE connection = ? AND kind = 'outgoing_payment' AND id = ?",
			connection, e.id).Scan(&word, &now.observations, &conflict)
		before, known := w.seen[e.id]
		if known := slices.Index(e.story.words, word); known < 0 || slices.Contains(final, word) {
			now.place = known
		}
		switch {
		case errors.Is(err, sql.ErrNoRows):
			if known {
				w.wrong = append(w.wrong, fmt.Sprintf("payment %s was there and is gone", e.id))
			}
			continue
		case err != nil:
			return err
		case now.place < before.place, now.observations < before.observations, now.observations > len(e.events), conflict:
			w.wrong = append(w.wrong, fmt.Sprintf("payment %s: %q after %+v, with %d observations, conflict %v", e.id, word, before, now.observations, conflict))
		}
		w.seen[e.id] = now
	}
	w.looks++
	return nil
}
