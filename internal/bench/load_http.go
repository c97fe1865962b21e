package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// The sources of load that -client names.
const (
	clientEpoll = "epoll"
	clientHTTP  = "net/http"
)

// count notes how long requests took, of which there is one at least.
func (l *loaded) count(took []time.Duration) {
	slices.Sort(took)
	l.requests, l.p50, l.p99 = len(took), took[len(took)/2], took[len(took)*99/100]
}

func (b *bed) load(addr string, requests [][]byte) (loaded, error) {
	return b.loadFor(addr, requests, b.limit)
}

func (b *bed) loadFor(addr string, requests [][]byte, limit time.Duration) (loaded, error) {
	if b.client == clientHTTP {
		return loadHTTP(addr, requests, b.connections, limit)
	}
	return load(addr, requests, b.connections, limit)
}

// loadHTTP is load by Go's own HTTP client, a goroutine for each connection: as dear as senders are, on the processors that the server
// needs too.
func loadHTTP(addr string, requests [][]byte, connections int, limit time.Duration) (out loaded, err error) {
	made := make([]*http.Request, len(requests))
	bodies := make([][]byte, len(requests))
	for i, raw := range requests {
		if made[i], bodies[i], err = readRequest(addr, raw); err != nil {
			return out, err
		}
	}
	transport := &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections}
	defer transport.CloseIdleConnections()
	var mu sync.Mutex
	var wg sync.WaitGroup
	var took []time.Duration
	began := time.Now()
	for i := range connections {
		wg.Go(func() {
			var each []time.Duration
			var e error
			for n := i; e == nil && time.Since(began) < limit; n += connections {
				sent := time.Now()
				if e = post(transport, made[n%len(made)], bodies[n%len(made)]); e == nil {
					each = append(each, time.Since(sent))
				}
			}
			mu.Lock()
			defer mu.Unlock()
			took, err = append(took, each...), errors.Join(err, e)
		})
	}
	wg.Wait()
	out.elapsed = time.Since(began)
	if err != nil || len(took) == 0 {
		return out, errors.Join(fmt.Errorf("no request was answered within %v", limit), err)
	}
	out.count(took)
	return out, nil
}

func readRequest(addr string, raw []byte) (*http.Request, []byte, error) {
	read, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
	if err != nil {
		return nil, nil, err
	}
	body, err := io.ReadAll(read.Body)
	if err != nil {
		return nil, nil, err
	}
	r, err := http.NewRequest(http.MethodPost, "http://"+addr+read.URL.Path, http.NoBody)
	if err != nil {
		return nil, nil, err
	}
	r.Header = read.Header
	return r, body, nil
}

func post(transport *http.Transport, made *http.Request, body []byte) error {
	r := *made
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp, err := transport.RoundTrip(&r)
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return errors.Join(err, resp.Body.Close())
	}
	if resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("the server answered %s", resp.Status)
	}
	return errors.Join(err, resp.Body.Close())
}
