package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/hookfold/hookfold/pkg/simulator"
)

// apiAddress is where the providers' APIs are served unless --listen says otherwise; --write-config writes it.
const apiAddress = "127.0.0.1:8085"

type simulateCmd struct {
	Target  []string `help:"Addresses of the endpoint to deliver to, in turn. Without one nothing is delivered." placeholder:"URL,…"`
	Demo    bool     `help:"Start hookfold up on a directory of its own (or on --data), deliver to it, show what happens, and audit the outcome."`
	Audit   string   `help:"Hold this store against what must have come out; exits with 3 where they differ." placeholder:"FILE"`
	Settle  string   `help:"How long the store may take until it agrees." default:"30s" placeholder:"DURATION"`
	Print   bool     `help:"Print every delivery, and deliver nothing."`
	Written string   `name:"write-config" help:"Write a configuration with the connections that are played." placeholder:"FILE"`

	Seed      string   `help:"What fixes everything that happens (drawn and said)." placeholder:"N"`
	Entities  int      `help:"Stories to tell: an entity and what comes of it." default:"300" placeholder:"N"`
	Providers []string `help:"Providers to play (all)." placeholder:"NAME,…"`
	Epoch     string   `help:"When simulated time begins (2026-01-05T00:00:00Z)." placeholder:"TIME"`
	Span      string   `help:"How much simulated time the stories take." default:"24h" placeholder:"DURATION"`
	Speed     float64  `help:"Simulated seconds in one on the wall; 0 is as fast as it goes." default:"3600" placeholder:"N"`
	Duration  string   `help:"How long to deliver, instead of --speed." placeholder:"DURATION"`
	Rate      float64  `help:"Most deliveries a second (0, no bound)." placeholder:"N"`
	Parallel  int      `help:"Most deliveries under way." default:"16" placeholder:"N"`
	Persist   string   `help:"Never give up a delivery: try again after this long on the wall at the latest, until it is taken." placeholder:"DURATION"`
	Skew      string   `help:"By how much the providers' clocks may be off when they sign." placeholder:"DURATION"`
	Journal   string   `help:"Write what became of each attempt, a JSON object a line." placeholder:"FILE"`

	Chaos  string `help:"How much goes wrong: none, mild, wild, or swarm, which is wild with whole kinds of fault switched off by the seed." enum:"none,mild,wild,swarm" default:"mild" placeholder:"NAME"`
	Ratios ratios `embed:"" group:"Ratios, instead of those of --chaos (0 to 1)"`
}

// ratios change single faults of a chaos; nil leaves one as it is.
type ratios struct {
	Drop      *float64 `help:"Events that are never delivered; only look-ups find out." placeholder:"R"`
	Duplicate *float64 `help:"Events that are delivered again." placeholder:"R"`
	Reorder   *float64 `help:"Events that come after later ones." placeholder:"R"`
	Delay     *float64 `help:"Events that come hours late." placeholder:"R"`
	Burst     *float64 `help:"Events that come all at once." placeholder:"R"`
	Tie       *float64 `help:"Changes with the time of the one before." placeholder:"R"`
	Forge     *float64 `help:"Events with a forged one beside them." placeholder:"R"`
	Stale     *float64 `help:"Events that are replayed with an old timestamp." placeholder:"R"`

	APILag      *float64 `name:"api-lag" help:"Entities whose old state the API tells for a while." placeholder:"R"`
	APINotFound *float64 `name:"api-not-found" help:"Entities that the API does not know at first." placeholder:"R"`
	APILimit    *float64 `name:"api-limit" help:"Requests that are answered with 429 although the limit is kept." placeholder:"R"`
	APIError    *float64 `name:"api-error" help:"Requests that are answered with a 5xx." placeholder:"R"`
	APISlow     *float64 `name:"api-slow" help:"Requests that are answered slowly." placeholder:"R"`
	APIOutage   *float64 `name:"api-outage" help:"Ratio of time in which an API is down." placeholder:"R"`
}

func (r *ratios) apply(c *simulator.Chaos) {
	for at, value := range map[*float64]*float64{
		&c.Drop: r.Drop, &c.Duplicate: r.Duplicate, &c.Reorder: r.Reorder, &c.Delay: r.Delay, &c.Burst: r.Burst, &c.Tie: r.Tie, &c.Forge: r.Forge,
		&c.Stale: r.Stale, &c.API.Lag: r.APILag, &c.API.NotFound: r.APINotFound, &c.API.Limit: r.APILimit, &c.API.Error: r.APIError,
		&c.API.Slow: r.APISlow, &c.API.Outage: r.APIOutage,
	} {
		if value != nil {
			*at = *value
		}
	}
	if c.API.LagFor == 0 {
		c.API.LagFor = simulator.Mild().API.LagFor
	}
	if c.API.SlowFor == 0 {
		c.API.SlowFor = simulator.Mild().API.SlowFor
	}
}

// Run makes a plan and does with it what is asked for:
//
//	seed ─▶ plan ─┬─▶ sender ─POST─▶ the target, which may be a child (--demo)
//	              ├─▶ APIs of the providers ◀─GET─ the target's look-ups
//	              └─▶ auditor ◀─views─ the target's store
func (c *simulateCmd) Run(w *world) error {
	plan, settle, err := c.plan()
	if err != nil {
		return &usageError{err.Error(), "see hookfold simulate --help"}
	}
	switch {
	case c.Print:
		return plan.Write(w.stdout)
	case c.Demo:
		return c.demo(w, plan, settle)
	case c.Written != "" && len(c.Target) == 0 && w.flags["listen"] == "":
		if err := c.configure(w, plan, apiAddress); err != nil || c.Audit == "" {
			return err
		}
	case len(c.Target) == 0 && c.Audit == "" && w.flags["listen"] == "":
		return &usageError{"there is nothing to do", "give --target to deliver, --audit to hold a store against the plan, --listen to serve the APIs, " +
			"--write-config for a configuration, --print for the deliveries, or --demo for all of it"}
	}
	show, err := c.play(w, plan, settle)
	if err != nil {
		return &usageError{err.Error(), "see hookfold simulate --help"}
	}
	show.targets, show.audited = c.Target, c.Audit
	if len(c.Target) == 0 && w.flags["listen"] == "" { // only to audit
		return show.report(nil, nil)
	}
	ln, err := net.Listen("tcp", c.listen(w))
	if err != nil {
		return fmt.Errorf("cannot serve the providers' APIs: %w; choose another address with --listen", err)
	}
	if c.Written != "" {
		if err := c.configure(w, plan, ln.Addr().String()); err != nil {
			return errors.Join(err, ln.Close())
		}
	}
	return show.run(ln)
}

// play is a performance that is not yet directed at anybody.
func (c *simulateCmd) play(w *world, plan *simulator.Plan, settle time.Duration) (*play, error) {
	p := &play{world: w, plan: plan, settle: settle, speed: c.Speed, rate: c.Rate, parallel: c.Parallel, journal: c.Journal}
	for _, f := range []struct {
		flag, text string
		to         *time.Duration
	}{{"--persist", c.Persist, &p.persist}, {"--skew", c.Skew, &p.skew}} {
		if f.text == "" {
			continue
		}
		d, err := time.ParseDuration(f.text)
		if err != nil || d < 0 {
			return nil, fmt.Errorf("%s: %q is no length of time", f.flag, f.text)
		}
		*f.to = d
	}
	return p, nil
}

// configure writes the receiver's configuration.
func (c *simulateCmd) configure(w *world, plan *simulator.Plan, api string) error {
	if err := writeConfig(c.Written, plan, "http://"+api); err != nil {
		return err
	}
	w.say(w.stderr, "%s has %s for seed %d.\n", c.Written, count(len(plan.Connections), "connection"), plan.Seed)
	return nil
}

func (c *simulateCmd) listen(w *world) string {
	if address := w.flags["listen"]; address != "" {
		return address
	}
	return apiAddress
}

// plan makes the plan that the flags describe.
func (c *simulateCmd) plan() (*simulator.Plan, time.Duration, error) {
	o := simulator.Options{Providers: c.Providers, Stories: c.Entities}
	var err error
	if c.Seed == "" {
		var b [4]byte
		if _, err := rand.Read(b[:]); err != nil {
			return nil, 0, err
		}
		o.Seed = uint64(binary.BigEndian.Uint32(b[:]))
	} else if _, err := fmt.Sscanf(c.Seed, "%d", &o.Seed); err != nil {
		return nil, 0, fmt.Errorf("the seed %q is no number", c.Seed)
	}
	if o.Chaos, err = simulator.Preset(c.Chaos, o.Seed); err != nil {
		return nil, 0, err
	}
	c.Ratios.apply(&o.Chaos)
	if c.Epoch != "" {
		if o.Epoch, err = time.Parse(time.RFC3339, c.Epoch); err != nil {
			return nil, 0, fmt.Errorf("--epoch: %w", err)
		}
	}
	if o.Span, err = time.ParseDuration(c.Span); err != nil {
		return nil, 0, fmt.Errorf("--span: %w", err)
	}
	settle, err := time.ParseDuration(c.Settle)
	if err != nil {
		return nil, 0, fmt.Errorf("--settle: %w", err)
	}
	if c.Duration != "" {
		d, err := time.ParseDuration(c.Duration)
		if err != nil || d <= 0 {
			return nil, 0, fmt.Errorf("--duration: %q is no length of time", c.Duration)
		}
		c.Speed = float64(o.Span) / float64(d)
	}
	if c.Speed < 0 || c.Rate < 0 || c.Parallel < 1 {
		return nil, 0, fmt.Errorf("--speed and --rate cannot be negative, and --parallel is 1 at least")
	}
	plan, err := simulator.NewPlan(o)
	return plan, settle, err
}

func writeConfig(path string, plan *simulator.Plan, server string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := plan.WriteConfig(f, server); err != nil {
		return err
	}
	return f.Close()
}

// outcome is what simulate says in the end; as JSON with --output json.
type outcome struct {
	Seed       uint64                         `json:"seed"`
	Deliveries int                            `json:"deliveries"`
	Dropped    int                            `json:"dropped"`
	Attempts   int                            `json:"attempts"`
	Answers    map[int]int                    `json:"answers"`
	Taken      int                            `json:"acknowledged"`
	GivenUp    int                            `json:"given_up"`
	Elapsed    float64                        `json:"elapsed_seconds"`
	API        map[string]simulator.APICounts `json:"api,omitempty"`
	Verdict    *simulator.Verdict             `json:"verdict,omitempty"`
}

func (o *outcome) print(w *world) error {
	if !w.json {
		return nil
	}
	e := json.NewEncoder(w.stdout)
	e.SetEscapeHTML(false)
	return e.Encode(o)
}

// interrupted is what ends a play early.
func interrupted(ctx context.Context) error {
	return fmt.Errorf("stopped before the end: %w", context.Cause(ctx))
}
