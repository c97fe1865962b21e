package main

import "runtime"

// effort is how much of the machine a command takes that folds the log.
type effort struct {
	Nice     int `help:"How far to give way to processes that want the processors too: 0 not at all, 19 the most." default:"19" placeholder:"N"`
	Parallel int `help:"Most processors to use (all)." placeholder:"N"`
}

// apply holds this process to it, and gives what each goroutine that works for long has to call first; nil for nothing.
func (e effort) apply(w *world) (begun func(), err error) {
	if e.Nice < 0 || e.Nice > 19 || e.Parallel < 0 {
		return nil, &usageError{"--nice and --parallel ask for what cannot be given", "--nice is from 0 to 19, --parallel 1 or more"}
	}
	if e.Parallel > 0 {
		runtime.GOMAXPROCS(e.Parallel)
	}
	if e.Nice == 0 {
		return nil, nil //nolint:nilnil // nothing to be called
	}
	return func() {
		if err := giveWay(e.Nice); err != nil { // it works all the same
			w.logger.Warn("a thread of this process could not give way to others", "error", err)
		}
	}, nil
}
