package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/projections"
)

// liveWork is an ingest and a worker in operation, as who delivers to them and who reads the store sees them.
type liveWork struct {
	*bed
	addr, store     string
	unfolded, bound string // addresses of an ingest that no worker follows, and of the handler that records nothing
	m               *maker
	requests        [][]byte
}

// settleLimit is how long a worker may take to fold what ingest took at its fastest.
const settleLimit = 2 * time.Minute

// poster sends requests over one connection.
type poster struct {
	conn    net.Conn
	answers *bufio.Reader
}

func dialPoster(addr string) (*poster, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &poster{conn, bufio.NewReader(conn)}, nil
}

func (p *poster) post(request []byte) error {
	if _, err := p.conn.Write(request); err != nil {
		return err
	}
	answer, err := http.ReadResponse(p.answers, nil)
	if err != nil {
		return err
	}
	if _, err := p.answers.Discard(int(answer.ContentLength)); err != nil || answer.StatusCode != http.StatusOK {
		return errors.Join(fmt.Errorf("ingest answered %s", answer.Status), err)
	}
	return nil
}

// probe makes n deliveries, or as many as it can until it is told to stop, one after the other with a pause between them, and
// measures each from the POST to the row that a reader of the store sees.
func (l *liveWork) probe(n int, pause time.Duration, stop <-chan struct{}) (took []time.Duration, err error) {
	p, err := dialPoster(l.addr)
	if err != nil {
		return nil, err
	}
	eye, err := l.open()
	if err != nil {
		return nil, errors.Join(err, p.conn.Close())
	}
	defer func() { err = errors.Join(err, eye.store.Close(), p.conn.Close()) }()
	probes := newMaker(l.size)
	for n == 0 || len(took) < n {
		select {
		case <-stop:
			return took, nil
		case <-time.After(pause):
		}
		entity := probes.id(fmt.Sprintf("pyo_%d_", time.Now().UnixNano()))
		request := probes.request(entity, 0)
		began := time.Now()
		if err := p.post(request); err != nil {
			return took, err
		}
		if err := eye.untilThere(lifecycle.Entity{Connection: connection, Kind: kind, ID: entity}); err != nil {
			return took, err
		}
		took = append(took, time.Since(began))
	}
	return took, nil
}

// settle waits until what was delivered is folded: a delivery on each partition shows it.
func (l *liveWork) settle() error {
	_, err := l.probe(4*l.partitions, 0, nil)
	return err
}

// eye is a reader of the store that follows it to another file.
type eye struct {
	path  string
	store *projections.Reader
}

func (l *liveWork) open() (*eye, error) {
	store, err := projections.OpenReader(l.store)
	return &eye{l.store, store}, err
}

func (e *eye) untilThere(entity lifecycle.Entity) error {
	for began := time.Now(); time.Since(began) < settleLimit; time.Sleep(idlePoll) {
		_, err := e.store.Timeline(context.Background(), entity)
		if !errors.Is(err, projections.ErrNoEntity) {
			return err
		}
		replaced, err := e.store.Replaced()
		if err != nil {
			return err
		}
		if !replaced {
			continue
		}
		store, err := projections.OpenReader(e.path)
		if err != nil {
			return err
		}
		if err := e.store.Close(); err != nil {
			return err
		}
		e.store = store
	}
	return fmt.Errorf("a delivery was not in the store after %v", settleLimit)
}

// paced sends so many requests a second over a few connections. A request that had to wait for the one before it took as
// long as from when it was due.
func paced(addr string, requests [][]byte, rate int, limit time.Duration) (out loaded, err error) {
	const posters = 16
	var mu sync.Mutex
	var wg sync.WaitGroup
	var took []time.Duration
	began := time.Now()
	for i := range posters {
		wg.Go(func() {
			each, e := pace(addr, requests, began, i, posters, rate, limit)
			mu.Lock()
			defer mu.Unlock()
			took, err = append(took, each...), errors.Join(err, e)
		})
	}
	wg.Wait()
	out.elapsed = time.Since(began)
	if err != nil || len(took) == 0 {
		return out, errors.Join(errors.New("no paced request was answered"), err)
	}
	out.count(took)
	return out, nil
}

func pace(addr string, requests [][]byte, began time.Time, i, of, rate int, limit time.Duration) (took []time.Duration, err error) {
	p, err := dialPoster(addr)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.conn.Close()) }()
	for n := i; ; n += of {
		due := time.Duration(n) * time.Second / time.Duration(rate)
		if due > limit {
			return took, nil
		}
		time.Sleep(time.Until(began.Add(due)))
		if err := p.post(requests[n%len(requests)]); err != nil {
			return took, err
		}
		took = append(took, time.Since(began)-due)
	}
}
