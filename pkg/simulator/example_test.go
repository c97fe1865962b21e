package simulator_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/hookfold/hookfold/pkg/simulator"
)

// A receiver that takes everything, and keeps nothing.
func Example() {
	plan, err := simulator.NewPlan(simulator.Options{Seed: 1, Stories: 20, Chaos: simulator.Chaos{Forge: 1}})
	if err != nil {
		fmt.Println(err)
		return
	}
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer target.Close()
	sender := simulator.Sender{Plan: plan, Targets: []string{target.URL}}
	sent, err := sender.Run(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	auditor := simulator.NewAuditor(plan)
	auditor.Sent(&sent)
	verdict := auditor.Verdict()
	fmt.Println(verdict.OK(), len(verdict.Missing) == verdict.Entities, len(verdict.Believed) > 0, len(verdict.Lost) > 0)
	// Output: false true true true
}
