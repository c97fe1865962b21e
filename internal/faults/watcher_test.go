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

	"github.com/hookfold/hookfold/pkg/simulator"
)

// watcher reads the store all the while, as an application beside Hookfold does: what it reads never goes back.
type watcher struct {
	site  *site
	seen  map[*simulator.Entity]seen
	looks int
	wrong []string
}

type seen struct {
	ended        bool // its last status was there
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

// look reads some entities.
func (w *watcher) look(ctx context.Context, r *rand.Rand) error {
	db, err := openStore(w.site.store())
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // it was only read
	entities := w.site.world.plan.Entities
	for range min(20, len(entities)) {
		e := entities[r.IntN(len(entities))]
		var word string
		var now seen
		err := db.QueryRowContext(ctx, "SELECT coalesce(provider_status, ''), observations FROM "+view(e)+" WHERE connection = ? AND kind = ? AND id = ?",
			e.Connection, e.Kind, e.ID).Scan(&word, &now.observations)
		now.ended = ended(e, word)
		before, known := w.seen[e]
		switch {
		case errors.Is(err, sql.ErrNoRows):
			if known {
				w.wrong = append(w.wrong, fmt.Sprintf("%s/%s was there and is gone", e.Kind, e.ID))
			}
			continue
		case err != nil:
			return err
		case before.ended && !now.ended, now.observations < before.observations:
			w.wrong = append(w.wrong, fmt.Sprintf("%s/%s: %q with %d observations after %+v", e.Kind, e.ID, word, now.observations, before))
		}
		w.seen[e] = now
	}
	w.looks++
	return nil
}

// view is where the entities of a family are read.
func view(e *simulator.Entity) string {
	return e.Family + "s"
}

// ended says whether a word is the last of an entity's history, and only the last.
func ended(e *simulator.Entity, word string) bool {
	before := e.Changes[:len(e.Changes)-1]
	return slices.Contains(e.Words(), word) && !slices.ContainsFunc(before, func(c simulator.Change) bool { return slices.Contains(e.Words(), c.Word) })
}
