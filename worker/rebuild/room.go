package rebuild

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hookfold/hookfold/projections"
)

// What a build leaves free for those who share the disk, so that ingest and workers go on: an eighth of it, but not more
// than maxReserve bytes, which is twice what the embedded log needs to take records.
const (
	reserveShare = 8
	maxReserve   = 128 << 20
)

// estimable is how much of a phase must be done before what it will need in all can be told.
const estimable = 0.1

// RoomError says that the disk has no room for a build. What was built so far is kept; the same build goes on with it.
type RoomError struct {
	// Path is the file that was to be built, Free how many bytes its disk has left, Need how many more are needed, about;
	// 0 where that is not known.
	Path       string
	Free, Need int64
	// Err is what could not be written; nil where it was foreseen.
	Err error
}

func (e *RoomError) Error() string {
	s := fmt.Sprintf("the disk of %s is too full to build %s: it has %s free", filepath.Dir(e.Path), filepath.Base(e.Path), size(e.Free))
	if e.Need > 0 {
		s += fmt.Sprintf(", and about %s are needed", size(e.Need))
	}
	s += "; make room, and give the command again: it goes on where it was"
	if e.Err != nil {
		s += " (" + e.Err.Error() + ")"
	}
	return s
}

func (e *RoomError) Unwrap() error { return e.Err }

func size(n int64) string { return fmt.Sprintf("%d MiB", (max(n, 0)+1<<20-1)>>20) }

// room watches over the disk of a file that is built. Sorted runs and the file are about as large as each other.
type room struct {
	path string
	// like is the size of a store that was made of the same log, 0 where there is none.
	like int64
	// memory is what a build may keep in memory of what it sorts.
	memory int64
}

func newRoom(path, like string, memory int64) *room {
	r := &room{path: path, memory: memory}
	if memory == 0 {
		r.memory = projections.DefaultMemory
	}
	if like == "" {
		return r
	}
	if s, err := projections.OpenReader(like); err == nil { // the size of a damaged one says nothing
		r.like = sizeOf(like)
		//nolint:errcheck // it was only opened
		s.Close()
	}
	return r
}

// begin refuses a build for which there is plainly no room: not even for half of what it needs.
func (r *room) begin() error {
	need := 2 * r.like
	if r.like < r.memory/8 { // sorted in memory
		need = r.like
	}
	need -= r.runs() + sizeOf(r.path)
	if free, _, err := freeSpace(filepath.Dir(r.path)); err == nil && need > 0 && free < need/2 {
		return &RoomError{Path: r.path, Free: free, Need: need}
	}
	return nil
}

// look ends a build that is about to leave no room for others, or for which what is left cannot do by far.
func (r *room) look(phase Phase, done, total int64) error {
	free, reserve, err := freeSpace(filepath.Dir(r.path))
	if err != nil {
		return nil //nolint:nilerr // nothing is known: a write will tell
	}
	need := r.need(phase, float64(done)/float64(max(total, 1)))
	if free < reserve || need > 0 && free-reserve < need/5*4 {
		return &RoomError{Path: r.path, Free: free, Need: need + reserve}
	}
	return nil
}

// need is how much more is needed, 0 where it cannot be told.
func (r *room) need(phase Phase, share float64) int64 {
	if share < estimable || share > 1 {
		return max(0, r.like-sizeOf(r.path))
	}
	if phase == Reading {
		runs := r.runs()
		return int64(2*float64(runs)/share) - runs
	}
	file := sizeOf(r.path)
	return int64(float64(file)/share) - file
}

func (r *room) runs() int64 {
	var n int64
	names, err := filepath.Glob(r.path + ".building/*.run")
	for _, name := range names {
		n += sizeOf(name)
	}
	if err != nil {
		return 0
	}
	return n
}

// sizeOf is a file's size, 0 where it is not there.
func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// explained makes of an error that came of a full disk one that says so. ended is why a build was ended, if it was.
func (r *room) explained(err, ended error) error {
	var short *RoomError
	switch {
	case err == nil || errors.As(err, &short):
		return err
	case errors.As(ended, &short):
		return short
	case !projections.DiskFull(err):
		return err
	}
	short = &RoomError{Path: r.path, Err: err}
	if free, reserve, e := freeSpace(filepath.Dir(r.path)); e == nil {
		short.Free = free
		if left := r.like - sizeOf(r.path); left > 0 {
			short.Need = left + reserve
		}
	}
	return short
}
