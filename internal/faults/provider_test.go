//go:build linux

package faults

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// provider delivers payments' events until each has its 2xx, as a provider with endless patience would, some of them twice,
// and forgeries beside them.
type provider struct {
	urls   []string // of the endpoints: any will do
	client *http.Client
	seed   uint64

	mu       sync.Mutex
	entities []*entity
	acked    map[string]string // body by event id
	forged   map[string]bool
	codes    map[string]int // answers by status, or the kind of failure
	wrong    []string       // answers that break a promise
}

// Pace of the world. The endpoint waits 3 s for the log, so the provider waits longer.
const (
	pace        = 25 * time.Millisecond // a payment, of about five events
	underWay    = 400                   // payments at most
	patience    = 6 * time.Second
	tolerated   = 4 * time.Minute // by which the provider's clock may be off
	retryAfter  = 200 * time.Millisecond
	repeated    = 4  // one delivery in so many is repeated after its 2xx
	forgedShare = 20 // one payment in so many is accompanied by forgeries
)

func newProvider(seed uint64, urls []string) *provider {
	transport := &http.Transport{MaxIdleConnsPerHost: 64, DialContext: (&net.Dialer{Timeout: time.Second}).DialContext}
	return &provider{urls: urls, seed: seed, client: &http.Client{Timeout: patience, Transport: transport},
		acked: map[string]string{}, forged: map[string]bool{}, codes: map[string]int{}}
}

// run makes payments until stop is closed, and returns when all their events have been accepted or ctx ends.
func (p *provider) run(ctx context.Context, stop <-chan struct{}) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, underWay)
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-stop:
			wg.Wait()
			return
		case <-ctx.Done():
			wg.Wait()
			return
		case <-tick.C:
		}
		select {
		case slots <- struct{}{}:
		case <-stop:
			wg.Wait()
			return
		}
		r := rand.New(rand.NewPCG(p.seed, uint64(n)))
		e := newEntity(r, n, time.Now())
		p.mu.Lock()
		p.entities = append(p.entities, e)
		p.mu.Unlock()
		wg.Go(func() {
			defer func() { <-slots }()
			p.live(ctx, r, e, n)
		})
	}
}

// live sends all events of a payment.
func (p *provider) live(ctx context.Context, r *rand.Rand, e *entity, n int) {
	if n%forgedShare == 0 {
		p.forge(ctx, r, n)
	}
	for _, d := range e.events {
		for sent := 0; ; {
			skew := time.Duration(r.Int64N(int64(2*tolerated))) - tolerated
			if p.post(ctx, r, sign(secret, d.body, time.Now().Add(skew)), d.body) == http.StatusOK {
				p.mu.Lock()
				p.acked[d.id] = d.body
				p.mu.Unlock()
				if sent++; sent > 1 || r.IntN(repeated) > 0 {
					break
				}
			} else if !wait(ctx, retryAfter) {
				return
			}
		}
		wait(ctx, time.Duration(r.IntN(100))*time.Millisecond)
	}
}

// forge sends what must be refused.
func (p *provider) forge(ctx context.Context, r *rand.Rand, n int) {
	e := newEntity(r, n, time.Now())
	body := strings.Replace(e.events[0].body, `{"id":"evt_`, `{"id":"evt_forged`, 1)
	p.mu.Lock()
	p.forged[strings.Replace(e.events[0].id, "evt_", "evt_forged", 1)] = true
	p.mu.Unlock()
	for kind, header := range forgeries(body, time.Now()) {
		if code := p.post(ctx, r, header, body); code != 0 && code != http.StatusUnauthorized {
			p.complain("a delivery %s was answered %d", kind, code)
		}
	}
}

func (p *provider) complain(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wrong = append(p.wrong, fmt.Sprintf(format, args...))
}

// post gives the status, or 0 where there was no answer.
func (p *provider) post(ctx context.Context, r *rand.Rand, header http.Header, body string) int {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.urls[r.IntN(len(p.urls))]+"/webhooks/"+connection, strings.NewReader(body))
	if err != nil {
		p.complain("a request cannot be made: %v", err)
		return 0
	}
	req.Header = header
	resp, err := p.client.Do(req)
	if err != nil {
		p.count("no answer")
		return 0
	}
	defer resp.Body.Close()        //nolint:errcheck // the answer is its status
	io.Copy(io.Discard, resp.Body) //nolint:errcheck // so that the connection can be used again
	p.count(fmt.Sprint(resp.StatusCode))
	switch resp.StatusCode {
	case http.StatusOK, http.StatusUnauthorized, http.StatusServiceUnavailable:
	default:
		p.complain("a delivery was answered %d", resp.StatusCode)
	}
	return resp.StatusCode
}

func (p *provider) count(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.codes[what]++
}

// wait lets time pass and says whether the context is still alive.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
