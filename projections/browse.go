package projections

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"time"
)

// ErrPlace says that a place to go on from is not one that a page gave.
var ErrPlace = errors.New("this is no place in the list: begin with the first page")

// ErrPlaceGone says that another file took the place of the one in which a place was.
var ErrPlaceGone = errors.New("the store was replaced since that page was read: begin with the first page")

// Bounds say how much is read at a time. What is looked for can be rare among millions and has no index of its own; so a
// page ends where Rows were found, where Looks were looked at, or at Until, whichever comes first.
type Bounds struct {
	Rows  int       // at most so many rows; at least 1
	Looks int       // at most so many are looked at; 0 for any number
	Until time.Time // zero for no end
}

// Page is a part of a list. Going on from Next until it is empty gives every row once, as far as the store stays as it is.
type Page[T any] struct {
	Rows []T
	// Next is from where to go on; empty where these were the last. A page with a Next may be short, even empty.
	Next string
	// Looked is how many rows were looked at.
	Looked int
}

// gathering makes a page of rows as they come.
type gathering[T any] struct {
	ctx    context.Context
	bounds Bounds
	page   Page[T]
	full   string // the place of the last row that was taken
}

// look takes a row in where it matches. It fails with errStopped where the page ends; at is the row's own place.
func (g *gathering[T]) look(row T, matches bool, at func() string) error {
	if matches && len(g.page.Rows) >= g.bounds.Rows {
		g.page.Next = g.full
		return errStopped
	}
	g.page.Looked++
	if matches {
		if g.page.Rows = append(g.page.Rows, row); len(g.page.Rows) >= g.bounds.Rows {
			g.full = at()
		}
	}
	const often = 64
	if g.page.Looked%often == 0 && g.ctx.Err() != nil {
		return g.ctx.Err()
	}
	if g.bounds.Looks > 0 && g.page.Looked >= g.bounds.Looks ||
		g.page.Looked%often == 0 && !g.bounds.Until.IsZero() && !time.Now().Before(g.bounds.Until) {
		g.page.Next = at()
		return errStopped
	}
	return nil
}

// done gives the page, unless reading it failed.
func (g *gathering[T]) done(path string, err error) (Page[T], error) {
	if err != nil && !errors.Is(err, errStopped) {
		return Page[T]{}, explain(path, "reading", err)
	}
	return g.page, nil
}

// placeOf writes down where a row is. Only the last part may hold a zero byte.
func placeOf(parts ...string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strings.Join(parts, "\x00")))
}

// placeParts reads what placeOf wrote; nil for the empty place, which is before all rows.
func placeParts(s string, n int) ([]string, error) {
	if s == "" {
		return nil, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return nil, ErrPlace
	}
	parts := strings.SplitN(string(b), "\x00", n)
	if len(parts) != n {
		return nil, ErrPlace
	}
	return parts, nil
}

// contains says whether a text holds a part that is in lower case, whatever the case of its own letters.
func contains(text, part string) bool { return strings.Contains(strings.ToLower(text), part) }
