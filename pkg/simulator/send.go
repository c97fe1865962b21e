package simulator

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Sender delivers a plan over HTTP and makes again, by the provider's schedule, what is not answered with a 2xx.
type Sender struct {
	Plan *Plan
	// Targets are the addresses of the receiver, http://host:port, without a path. Attempts go to them in turn.
	Targets []string
	// Client sends the requests; if nil, one that waits Patience for an answer.
	Client *http.Client
	// Speed is how many simulated seconds pass in one on the wall. Zero plays as fast as the receiver allows, in the order of
	// the plan, and waits a moment before each further attempt.
	Speed float64
	// Rate bounds the requests per second; zero is no bound.
	Rate float64
	// Persist makes providers that never give up: what failed is tried again by the schedule, but after so much time on the wall at the
	// latest, until it is taken. Zero: they give up when the schedule ends.
	Persist time.Duration
	// Skew is by how much the providers' clocks may be off when genuine deliveries are signed, drawn anew for each attempt. Forged and
	// stale ones are not helped by it.
	Skew time.Duration
	// Concurrency bounds the requests under way; zero is 16.
	Concurrency int
	// Now is the clock on the wall; time.Now if nil.
	Now func() time.Time
	// Attempted is told of each answer; nil for nobody. It is called by one goroutine at a time.
	Attempted func(Attempt)
}

// Patience is how long a provider waits for an answer. Yoco's documents say 15 s, the others nothing.
const Patience = 15 * time.Second

// Attempt is one request and its answer.
type Attempt struct {
	Delivery *Delivery
	// Try counts from 0.
	Try int
	// Began is when it was made, on the wall.
	Began time.Time
	// Status is the HTTP status, 0 where there was no answer; Err says why.
	Status int
	Err    error
	Took   time.Duration
	// GivenUp says that there will be no further attempt although this one failed.
	GivenUp bool
}

// OK says whether the delivery was taken.
func (a *Attempt) OK() bool { return a.Status/100 == 2 }

// Sent is what came of a plan's deliveries.
type Sent struct {
	// Attempts counts all requests, Answers them by HTTP status, 0 for none.
	Attempts int
	Answers  map[int]int
	// Acknowledged are the genuine deliveries that were taken, by their numbers.
	Acknowledged map[int]bool
	// GivenUp are the genuine deliveries that never were, ascending, Believed the forged and stale ones that were.
	GivenUp, Believed []int
	// Elapsed is how long it took.
	Elapsed time.Duration
}

// concurrency is the default.
const concurrency = 16

// quickly is the wait before another attempt where simulated time does not run.
const quickly = 100 * time.Millisecond

// due is an attempt that is to be made.
type due struct {
	delivery *Delivery
	try      int
	at       time.Duration // simulated, after the epoch
	when     time.Time     // on the wall, zero for at once
}

type queue []due

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	a, b := &q[i], &q[j]
	return cmp.Or(a.when.Compare(b.when), cmp.Compare(a.at, b.at), cmp.Compare(a.delivery.Number, b.delivery.Number)) < 0
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(due)) }
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

// Run delivers everything and returns what came of it, also when the context ends before, with the context's error.
func (s *Sender) Run(ctx context.Context) (Sent, error) {
	if len(s.Targets) == 0 {
		return Sent{}, errors.New("simulator: there is no target to deliver to")
	}
	now := s.Now
	if now == nil {
		now = time.Now
	}
	client := s.Client
	if client == nil {
		client = &http.Client{
			Timeout: Patience, Transport: &http.Transport{MaxIdleConnsPerHost: max(s.Concurrency, concurrency)},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // a redirect is no 2xx
		}
		defer client.CloseIdleConnections()
	}
	began := now()
	sent := Sent{Answers: map[int]int{}, Acknowledged: map[int]bool{}}
	waiting := make(queue, 0, len(s.Plan.Deliveries))
	for _, d := range s.Plan.Deliveries {
		waiting = append(waiting, due{delivery: d, at: d.At, when: s.when(d.At, began)})
	}
	heap.Init(&waiting)

	work, done := make(chan due), make(chan Attempt)
	workers := s.Concurrency
	if workers <= 0 {
		workers = concurrency
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for d := range work {
				done <- s.attempt(ctx, client, d, now)
			}
		})
	}
	underWay := map[int]due{}
	finish := func() {
		cancel()
		close(work)
		go func() { wg.Wait(); close(done) }()
		for a := range done {
			sent.count(&a)
		}
		sent.sorted()
		sent.Elapsed = now().Sub(began)
	}
	next := began // when the rate allows another request
	for len(waiting) > 0 || len(underWay) > 0 {
		var out chan due
		var first due
		wake := time.NewTimer(time.Hour)
		if len(waiting) > 0 {
			first = waiting[0]
			at := first.when
			if next.After(at) {
				at = next
			}
			if wait := at.Sub(now()); wait <= 0 {
				out = work
			} else {
				wake.Reset(wait)
			}
		}
		select {
		case out <- first:
			heap.Pop(&waiting)
			underWay[first.delivery.Number] = first
			if s.Rate > 0 {
				if t := now(); next.Before(t.Add(-time.Second)) {
					next = t
				}
				next = next.Add(time.Duration(float64(time.Second) / s.Rate))
			}
		case a := <-done:
			d := underWay[a.Delivery.Number]
			delete(underWay, a.Delivery.Number)
			if again, ok := s.again(d, &a, now(), began); ok {
				heap.Push(&waiting, again)
			}
			sent.count(&a)
			if s.Attempted != nil {
				s.Attempted(a)
			}
		case <-wake.C:
		case <-ctx.Done():
			wake.Stop()
			finish()
			return sent, context.Cause(ctx)
		}
		wake.Stop()
	}
	finish()
	return sent, nil
}

// when is the time on the wall of a simulated one: zero, which is at once, where simulated time does not run.
func (s *Sender) when(at time.Duration, began time.Time) time.Time {
	if s.Speed == 0 {
		return time.Time{}
	}
	return began.Add(time.Duration(float64(at) / s.Speed))
}

// again plans another attempt of what failed, and marks what has none left.
func (s *Sender) again(d due, a *Attempt, now, began time.Time) (due, bool) {
	if a.OK() || !d.delivery.Genuine() {
		return due{}, false
	}
	schedule := s.Plan.byName[d.delivery.Connection].actor.retries()
	if d.try >= len(schedule) && s.Persist == 0 {
		a.GivenUp = true
		return due{}, false
	}
	wait := schedule[min(d.try, len(schedule)-1)]
	next := due{delivery: d.delivery, try: d.try + 1, at: d.at + wait, when: now.Add(quickly)}
	if s.Speed > 0 { // each wait counts from the failure of the attempt before
		next.at = max(d.at, time.Duration(float64(now.Sub(began))*s.Speed)) + wait
		if at := s.when(next.at, began); at.After(next.when) {
			next.when = at
		}
	}
	if latest := now.Add(s.Persist); s.Persist > 0 && next.when.After(latest) {
		next.when = latest
	}
	return next, true
}

func (s *Sender) attempt(ctx context.Context, client *http.Client, d due, now func() time.Time) Attempt {
	a := Attempt{Delivery: d.delivery, Try: d.try, Began: now()}
	a.Status, a.Err = s.post(ctx, client, d, s.clock(d, a.Began))
	a.Took = now().Sub(a.Began)
	return a
}

// clock is the time by the provider's clock when it signs an attempt.
func (s *Sender) clock(d due, now time.Time) time.Time {
	if s.Skew == 0 || !d.delivery.Genuine() {
		return now
	}
	r := stream(s.Plan.Seed, "skew", d.delivery.Number, d.try)
	return now.Add(time.Duration(r.Int64N(2*int64(s.Skew)+1)) - s.Skew)
}

func (s *Sender) post(ctx context.Context, client *http.Client, d due, clock time.Time) (status int, err error) {
	target := s.Targets[(d.delivery.Number+d.try)%len(s.Targets)]
	url := strings.TrimSuffix(target, "/") + d.delivery.Path
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(d.delivery.Body))
	if err != nil {
		return 0, fmt.Errorf("simulator: the target is no address: %w", err)
	}
	req.Header = s.Plan.Header(d.delivery, d.at, clock)
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	// An answer that breaks off is none; what it says does not matter.
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20)); err != nil {
		return 0, err
	}
	return resp.StatusCode, nil
}

// sorted puts the lists in order: answers come as they like.
func (s *Sent) sorted() {
	slices.Sort(s.GivenUp)
	slices.Sort(s.Believed)
}

func (s *Sent) count(a *Attempt) {
	s.Attempts++
	s.Answers[a.Status]++
	switch {
	case a.OK() && a.Delivery.Genuine():
		s.Acknowledged[a.Delivery.Number] = true
	case a.OK():
		s.Believed = append(s.Believed, a.Delivery.Number)
	case a.GivenUp:
		s.GivenUp = append(s.GivenUp, a.Delivery.Number)
	}
}
