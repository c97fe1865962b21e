//go:build linux

package faults

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestAuditorNotices holds the auditor against a site where all is well, then lets the provider know something else: each
// difference must be found.
func TestAuditorNotices(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs hookfold")
	}
	free := &ports{next: 29_500 + os.Getpid()%1_000}
	s := newUp(t, build(t), free)
	p := newProvider(1, s.urls)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	stop := make(chan struct{})
	time.AfterFunc(2*time.Second, func() { close(stop) })
	p.run(ctx, stop)

	var findings []string
	a := &auditor{t, s, p, func(format string, args ...any) { findings = append(findings, fmt.Sprintf(format, args...)) }}
	examine := func() string {
		findings = nil
		a.examine(ctx)
		return strings.Join(findings, "\n")
	}
	require.Empty(t, examine())
	require.NotEmpty(t, p.entities)

	e := p.entities[0]
	was := *e
	for finding, change := range map[string]func(){
		"LOST: event evt_never": func() {
			e.events = append(e.events[:len(e.events):len(e.events)], delivery{id: "evt_never", body: "{}"})
			p.acked["evt_never"] = "{}"
		},
		"with another body": func() { e.events = append([]delivery{{id: e.events[0].id, body: "{}"}}, e.events[1:]...) },
		"payment " + e.id + " is {status:" + e.story.status: func() { e.amount++ },
		"want {status:held":                          func() { e.story.status = "held on" },
		"which the provider never sent":              func() { e.events = e.events[1:] },
		"payment " + e.id + " is not the provider's": func() { e.id = "pyo_other" },
		"payment pyo_other is missing":               func() { e.id = "pyo_other" },
	} {
		change()
		require.Contains(t, examine(), finding)
		*e = was
		delete(p.acked, "evt_never")
	}
	require.Empty(t, examine(), "all is well again")
}
