package main

import "fmt"

// measure is one line of the table.
type measure struct {
	what  string
	who   string
	run   func(*environment) (result, error)
	goals []goal
}

// goal is a ratio that the line must reach to the line of another, of the same run.
type goal struct {
	what, who string
	ratio     float64
}

func printRow(rows []result, r result) {
	if len(rows) == 1 {
		fmt.Printf("%-28s %-16s %12s %12s   %s\n", "measure", "who", "messages/s", "CPU µs each", "ratios")
	}
	fmt.Printf("%-28s %-16s %12.0f %12.2f  ", r.what, r.who, r.perSecond(), float64(r.cpu.Microseconds())/float64(r.messages))
	for _, g := range r.goals {
		for _, o := range rows {
			if o.what != g.what || o.who != g.who {
				continue
			}
			ratio := r.perSecond() / o.perSecond()
			verdict := ""
			if g.ratio > 0 {
				verdict = fmt.Sprintf(" (goal %g: %s)", g.ratio, map[bool]string{true: "met", false: "MISSED"}[ratio >= g.ratio])
			}
			fmt.Printf(" %.2f × %s, %s%s;", ratio, g.who, g.what, verdict)
		}
	}
	fmt.Println()
}
