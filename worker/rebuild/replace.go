package rebuild

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/hookfold/hookfold/projections"
)

// closeEnough is how many records a fresh store may lag behind the log when the live one is locked for the switch.
const closeEnough = 2_000

// Live is a rebuild of a live store.
type Live struct {
	Plan // Path is the live store's; the fresh file gets a name of its own in the same directory
	// Store is how a store is opened; its Path is filled in.
	Store projections.Config
	// Restart forgets what an interrupted rebuild left behind.
	Restart bool
	Switch  Switch
	// Most bounds the differences that are named.
	Most int
}

// Switch says when the fresh file takes the live store's place.
type Switch int

// SwitchSame switches where the live store says what the log says, cannot be read, or is another version's, of which
// differences are to be expected. SwitchAnyway switches whatever the comparison says, SwitchNever leaves the live store alone.
const (
	SwitchSame Switch = iota
	SwitchAnyway
	SwitchNever
)

// wanted says whether to switch.
func (s Switch) wanted(c *Comparison) bool {
	return s == SwitchAnyway || s == SwitchSame && (c == nil || c.Same() || c.OtherVersions)
}

// Outcome is what a rebuild of a live store did.
type Outcome struct {
	*Built
	// Fresh is the new file. Kept is the old one, empty where there was none or it was left in its place.
	Fresh, Kept string
	// Switched says that Fresh has taken the live store's place. Where not, the next rebuild goes on with it.
	Switched bool
	// Damaged says why the old store could not be compared; nil where it was, or where there was none.
	Damaged error
	// Comparison is nil where there was nothing to compare with.
	Comparison *Comparison
	// Held is for how long workers could not commit.
	Held time.Duration
}

// state is what stands beside a live store while it is rebuilt.
type state struct{ Fresh, Program string }

// Replace folds the log into a fresh file beside the live store while workers go on, catches up, compares, and switches.
// An interrupted one goes on where it was, as does one that did not switch.
func (l *Log) Replace(ctx context.Context, p Live) (_ *Outcome, err error) {
	live := p.Path
	unlock, err := lock(live + ".rebuild.lock")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	p.Like = live
	if target, err := filepath.EvalSymlinks(live); err == nil {
		p.Like = target
	}
	defer func() {
		if err != nil {
			err = newRoom(p.Path, p.Like, p.Memory).explained(err, nil)
		}
	}()
	out := &Outcome{}
	if out.Fresh, err = p.begin(); err != nil {
		return nil, err
	}
	if p.Path = out.Fresh; finished(out.Fresh) {
		out.Built = &Built{Resumed: true}
	} else if out.Built, err = l.Build(ctx, p.Plan); err != nil {
		return nil, err
	}
	p.Store.Path = out.Fresh
	if err := l.approach(ctx, p.Store); err != nil {
		return nil, err
	}
	if err := l.compareWith(ctx, live, &p, out); err != nil {
		return nil, err
	}
	if out.Switched = p.Switch.wanted(out.Comparison); !out.Switched {
		return out, nil
	}
	done, err := projections.Replace(ctx, live, out.Fresh, func(ctx context.Context) error { return l.settle(ctx, p.Store) })
	if err != nil {
		return out, err
	}
	out.Kept, out.Held = done.Kept, done.Held
	if err := os.Remove(live + ".rebuild"); err != nil {
		return out, fmt.Errorf("rebuild: %w", err)
	}
	return out, nil
}

// begin names the fresh file: that of an interrupted rebuild of the same program, or a new one.
func (p *Live) begin() (string, error) {
	path := p.Path + ".rebuild"
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("rebuild: %w", err)
	}
	var s state
	if err == nil && json.Unmarshal(text, &s) == nil && s.Fresh == filepath.Base(s.Fresh) && s.Fresh != "" {
		fresh := filepath.Join(filepath.Dir(path), s.Fresh)
		if target, err := filepath.EvalSymlinks(p.Path); err == nil && target == fresh {
			s.Fresh = "" // it was switched to, and died before it could say so
		} else if s.Program == p.Program && !p.Restart {
			return fresh, nil
		} else if err := discard(fresh); err != nil {
			return "", err
		}
	}
	fresh := p.Path + ".at-" + time.Now().UTC().Format("20060102T150405.000Z")
	if text, err = json.Marshal(state{filepath.Base(fresh), p.Program}); err != nil {
		return "", err
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return "", fmt.Errorf("rebuild: %w", err)
	}
	return fresh, nil
}

// discard removes what an interrupted rebuild left behind.
func discard(fresh string) error {
	for _, suffix := range []string{"", "-journal", "-wal", "-shm", ".building"} {
		if err := os.RemoveAll(fresh + suffix); err != nil {
			return fmt.Errorf("rebuild: %w", err)
		}
	}
	return nil
}

// finished says whether a file was built to its end: only then the builder's directory is gone.
func finished(path string) bool {
	_, err := os.Stat(path)
	_, building := os.Stat(path + ".building")
	return err == nil && errors.Is(building, fs.ErrNotExist)
}

// approach brings a store close to the log's end.
func (l *Log) approach(ctx context.Context, c projections.Config) error {
	for range 5 {
		_, ends, err := l.Reader.Offsets(ctx, l.Topic)
		if err != nil {
			return err
		}
		if err := l.commitUpTo(ctx, c, ends); err != nil {
			return err
		}
		_, now, err := l.Reader.Offsets(ctx, l.Topic)
		if err != nil {
			return err
		}
		var lag int64
		for p, end := range now {
			lag += end - ends[p]
		}
		if lag < closeEnough {
			return nil
		}
	}
	return nil // the log grows as fast as it is folded; the switch will take a little longer
}

// settle brings a store to the log's end.
func (l *Log) settle(ctx context.Context, c projections.Config) error {
	return l.commitUpTo(ctx, c, nil)
}

func (l *Log) commitUpTo(ctx context.Context, c projections.Config, ends map[int32]int64) error {
	s, err := projections.Open(ctx, c)
	if err != nil {
		return err
	}
	return errors.Join(l.CatchUp(ctx, s, ends), s.Close())
}

// compareWith holds the live store against the fresh one. One that cannot be read is no obstacle: that may be why it is
// made anew.
func (l *Log) compareWith(ctx context.Context, live string, p *Live, out *Outcome) (err error) {
	if _, err := os.Stat(live); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	a, err := projections.OpenReader(live)
	if err != nil {
		out.Damaged = err
		return nil
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	b, err := projections.OpenReader(out.Fresh)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	out.Comparison, err = l.Compare(ctx, a, b, p.Lifecycles, false, p.Most)
	if err != nil && ctx.Err() == nil {
		out.Comparison, out.Damaged, err = nil, err, nil
	}
	return err
}
