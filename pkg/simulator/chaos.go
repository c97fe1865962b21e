package simulator

import (
	"fmt"
	"reflect"
	"time"
)

// Chaos is how a provider misbehaves. Ratios are of all events unless a field says otherwise, 0 to 1.
type Chaos struct {
	Duplicate float64 `help:"Deliveries that come again, up to three times."`
	Reorder   float64 `help:"Deliveries that come after those that should follow them."`
	Delay     float64 `help:"Deliveries that come hours late."`
	Drop      float64 `help:"Deliveries that never come."`
	Burst     float64 `help:"Deliveries that come in one instant with many others."`
	Tie       float64 `help:"Changes that have the same time as the one before."`
	Forge     float64 `help:"Deliveries with a lie and a bad signature, beside the true ones."`
	Stale     float64 `help:"Old deliveries that are replayed with their old timestamp."`
	Rotate    bool    `help:"The signing secret is changed on the way."`

	API APIChaos `embed:"" prefix:"api-"`
}

// APIChaos is how a provider's API misbehaves. Ratios are of requests unless a field says otherwise.
type APIChaos struct {
	Lag      float64       `help:"Entities of which the API tells an old state for a while."`
	LagFor   time.Duration `help:"How long, in simulated time."`
	NotFound float64       `help:"Entities that the API does not know for a while after they were made."`
	Limit    float64       `help:"Answers that are 429 although the limit is kept."`
	Error    float64       `help:"Answers that are a 5xx."`
	Slow     float64       `help:"Answers that take SlowFor."`
	SlowFor  time.Duration `help:"How slow, on the clock on the wall."`
	Outage   float64       `help:"Ratio of the time in which an API answers nothing but 503."`
}

// Mild is a provider on an ordinary day.
func Mild() Chaos {
	return Chaos{
		Duplicate: 0.05, Reorder: 0.05, Delay: 0.01, Burst: 0.1, Tie: 0.1, Forge: 0.01, Stale: 0.01,
		API: APIChaos{Lag: 0.05, LagFor: time.Hour, NotFound: 0.05, Limit: 0.01, Error: 0.01, Slow: 0.01, SlowFor: 200 * time.Millisecond},
	}
}

// Wild is a provider on its worst day. It drops nothing: what is lost can only be found again by look-ups, so that is asked
// for by itself.
func Wild() Chaos {
	return Chaos{
		Duplicate: 0.5, Reorder: 0.5, Delay: 0.2, Burst: 0.3, Tie: 0.4, Forge: 0.1, Stale: 0.1, Rotate: true,
		API: APIChaos{
			Lag: 0.3, LagFor: 6 * time.Hour, NotFound: 0.3, Limit: 0.1, Error: 0.1, Slow: 0.1, SlowFor: time.Second, Outage: 0.1,
		},
	}
}

// Swarm is Wild with whole kinds of fault switched off, which ones by the seed: a fault that is always there hides others.
func Swarm(seed uint64) Chaos {
	c := Wild()
	r := stream(seed, "swarm")
	for _, v := range []reflect.Value{reflect.ValueOf(&c).Elem(), reflect.ValueOf(&c.API).Elem()} {
		for i := range v.NumField() {
			if f := v.Field(i); (f.Kind() == reflect.Float64 || f.Kind() == reflect.Bool) && chance(r, 0.5) {
				f.SetZero()
			}
		}
	}
	return c
}

// Preset is a chaos by its name: none, mild, wild or swarm.
func Preset(name string, seed uint64) (Chaos, error) {
	switch name {
	case "none":
		return Chaos{}, nil
	case "mild":
		return Mild(), nil
	case "wild":
		return Wild(), nil
	case "swarm":
		return Swarm(seed), nil
	default:
		return Chaos{}, fmt.Errorf("no chaos is called %q: use none, mild, wild or swarm", name)
	}
}

// check says which ratio is none.
func (c *Chaos) check() error {
	for _, v := range []reflect.Value{reflect.ValueOf(*c), reflect.ValueOf(c.API)} {
		for i := range v.NumField() {
			if f := v.Field(i); f.Kind() == reflect.Float64 && !(f.Float() >= 0 && f.Float() <= 1) {
				return fmt.Errorf("simulator: the ratio %s is %v, not between 0 and 1", v.Type().Field(i).Name, f.Float())
			}
		}
	}
	return nil
}
