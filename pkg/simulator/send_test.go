package simulator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// wire answers requests without a network, so that time can be virtual.
type wire func(*http.Request) (int, error)

func (w wire) RoundTrip(r *http.Request) (*http.Response, error) {
	status, err := w(r)
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Body: http.NoBody, Header: http.Header{}, Request: r}, nil
}

// Each attempt is made when the documented schedule says, counted from the failure of the one before, and signed anew.
func TestYocoRetriesOnSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := mustPlan(t, Options{Seed: 1, Providers: []string{Yoco}, Stories: 1})
		p.Deliveries = p.Deliveries[:1]
		p.Deliveries[0].At = 0
		began := time.Now()
		var at []time.Duration
		signatures := map[string]bool{}
		s := Sender{Plan: p, Targets: []string{"http://target.example"}, Speed: 1, Client: &http.Client{Transport: wire(func(r *http.Request) (int, error) {
			at = append(at, time.Since(began))
			signatures[r.Header.Get("webhook-signature")] = true
			return http.StatusServiceUnavailable, nil
		})}}
		sent, err := s.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want := []time.Duration{0}
		for _, gap := range []time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 10 * time.Hour} {
			want = append(want, want[len(want)-1]+gap)
		}
		if diff := cmp.Diff(want, at); diff != "" {
			t.Error(diff)
		}
		if len(signatures) != len(want) {
			t.Errorf("%d signatures for %d attempts", len(signatures), len(want))
		}
		if diff := cmp.Diff([]int{0}, sent.GivenUp); diff != "" || len(sent.Acknowledged) != 0 {
			t.Errorf("given up %v, acknowledged %v", sent.GivenUp, sent.Acknowledged)
		}
	})
}

// Speed shortens every wait; a forged delivery is made once.
func TestSpeedAndForgeries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := mustPlan(t, Options{Seed: 2, Stories: 60, Chaos: Chaos{Forge: 0.5, Stale: 0.3, Duplicate: 0.3}})
		var mu sync.Mutex
		made := map[string]int{}
		began := time.Now()
		s := Sender{Plan: p, Targets: []string{"http://target.example/"}, Speed: 3600, Client: &http.Client{Transport: wire(func(r *http.Request) (int, error) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return 0, err
			}
			mu.Lock()
			defer mu.Unlock()
			made[r.URL.Path+" "+string(body)]++
			if len(made)%3 == 0 {
				return 0, errors.New("connection reset")
			}
			return http.StatusOK, nil
		})}}
		sent, err := s.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		genuine, others := 0, 0
		for _, d := range p.Deliveries {
			if d.Genuine() {
				genuine++
			} else {
				others++
			}
		}
		if len(sent.Acknowledged)+len(sent.GivenUp) != genuine || len(sent.Acknowledged) == 0 {
			t.Errorf("%d taken, %d given up of %d", len(sent.Acknowledged), len(sent.GivenUp), genuine)
		}
		if len(sent.Believed) == 0 || len(sent.Believed) > others {
			t.Errorf("%d of %d forgeries believed by a target that believes everything", len(sent.Believed), others)
		}
		last := p.Deliveries[len(p.Deliveries)-1].At
		if took := time.Since(began); took < time.Duration(float64(last)/3600) || took > time.Minute*5 {
			t.Errorf("took %v for %v at 3600", took, last)
		}
	})
}

func TestRateIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := mustPlan(t, Options{Seed: 2, Stories: 50})
		began := time.Now()
		s := Sender{Plan: p, Targets: []string{"http://target.example"}, Rate: 10, Client: &http.Client{Transport: wire(func(*http.Request) (int, error) { return 204, nil })}}
		sent, err := s.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want := time.Duration(sent.Attempts-1) * time.Second / 10
		if took := time.Since(began); took < want || took > want+2*time.Second {
			t.Errorf("%d attempts took %v, want about %v", sent.Attempts, took, want)
		}
	})
}

// As fast as it goes, over real HTTP, to a target that fails at first and redirects once.
func TestFlatOut(t *testing.T) {
	p := mustPlan(t, Options{Seed: 3, Stories: 60})
	var mu sync.Mutex
	tries := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		tries[string(body)]++
		switch tries[string(body)] {
		case 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 2:
			http.Redirect(w, r, "/elsewhere", http.StatusSeeOther)
		}
	}))
	defer server.Close()
	sent, err := (&Sender{Plan: p, Targets: []string{server.URL}, Concurrency: 4}).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n := len(p.Deliveries)
	if diff := cmp.Diff(map[int]int{200: n, 303: n, 503: n}, sent.Answers); diff != "" || len(sent.Acknowledged) != n {
		t.Errorf("%d acknowledged of %d: %s", len(sent.Acknowledged), n, diff)
	}
}

func TestSenderStops(t *testing.T) {
	p := mustPlan(t, Options{Seed: 3, Stories: 60})
	ctx, cancel := context.WithCancel(t.Context())
	s := Sender{Plan: p, Targets: []string{"http://target.example"}, Client: &http.Client{Transport: wire(func(r *http.Request) (int, error) {
		cancel()
		<-r.Context().Done()
		return 0, r.Context().Err()
	})}}
	if _, err := s.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want the context's end", err)
	}
}

// A provider that persists never gives up and never waits longer than it may; its clock is off when it signs what is genuine, within
// bounds, and not for the others.
func TestPersistenceAndSkew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := mustPlan(t, Options{Seed: 4, Providers: []string{Devengo}, Stories: 10, Chaos: Chaos{Stale: 0.5}})
		var mu sync.Mutex
		tries, hosts := map[string][]time.Time{}, map[string]int{}
		off := map[time.Duration]bool{}
		s := Sender{
			Plan: p, Targets: []string{"http://one.example", "http://two.example"}, Speed: 3600, Persist: 2 * time.Second, Skew: time.Minute,
			Client: &http.Client{Transport: wire(func(r *http.Request) (int, error) {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					return 0, err
				}
				var signed int64
				if _, err := fmt.Sscanf(r.Header.Get("X-Devengo-Webhooks-Sig"), "t=%d", &signed); err != nil {
					return 0, err
				}
				mu.Lock()
				defer mu.Unlock()
				if d := time.Since(time.Unix(signed, 0)).Truncate(time.Second); d > 2*time.Minute {
					if d != 6*time.Minute {
						t.Errorf("a replay is signed %v ago", d)
					}
					return http.StatusUnauthorized, nil
				} else if d.Abs() > time.Minute {
					t.Errorf("the clock is off by %v", d)
				} else {
					off[d] = true
				}
				hosts[r.Host]++
				tries[string(body)] = append(tries[string(body)], time.Now())
				if len(tries[string(body)]) < 12 {
					return http.StatusServiceUnavailable, nil
				}
				return http.StatusOK, nil
			})},
		}
		sent, err := s.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(sent.GivenUp) > 0 || len(sent.Acknowledged) != len(tries) || len(sent.Believed) > 0 {
			t.Errorf("%d given up, %d of %d taken, %d believed", len(sent.GivenUp), len(sent.Acknowledged), len(tries), len(sent.Believed))
		}
		for body, at := range tries {
			for i := range at[1:] {
				if wait := at[i+1].Sub(at[i]); wait > 2*time.Second {
					t.Errorf("%s: waited %v", body, wait)
				}
			}
		}
		if len(off) < 20 || hosts["one.example"] == 0 || hosts["two.example"] == 0 {
			t.Errorf("%d different clocks, targets %v", len(off), hosts)
		}
	})
}
