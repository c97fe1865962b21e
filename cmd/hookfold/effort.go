package main

import (
	"runtime"

	"github.com/hookfold/hookfold/worker/rebuild"
)

// effort is how much of the machine a command takes that folds the log.
type effort struct {
	Nice     int `help:"How far to give way to processes that want the processors too: 0 not at all, 19 the most." default:"19" placeholder:"N"`
	Parallel int `help:"Most processors to use (all)." placeholder:"N"`
}

// apply holds this process to it. The report of progress that it returns does so again, for a thread that was just being
// made. Who may not lower a priority works without.
func (e effort) apply(w *world, report func(rebuild.Progress)) (func(rebuild.Progress), error) {
	if e.Nice < 0 || e.Nice > 19 || e.Parallel < 0 {
		return nil, &usageError{"--nice and --parallel ask for what cannot be given", "--nice is from 0 to 19, --parallel 1 or more"}
	}
	if e.Parallel > 0 {
		runtime.GOMAXPROCS(e.Parallel)
	}
	if e.Nice == 0 {
		return report, nil
	}
	if err := giveWay(e.Nice); err != nil {
		w.logger.Warn("this process could not give way to others", "error", err)
		return report, nil
	}
	return func(p rebuild.Progress) {
		//nolint:errcheck // it worked before
		giveWay(e.Nice)
		report(p)
	}, nil
}
