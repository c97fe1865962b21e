//go:build linux

package faults

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/hookfold/hookfold/pkg/kafka"
	"github.com/hookfold/hookfold/pkg/simulator"
)

// TestAuditorNotices holds the auditors against a site where all is well, then plants differences into the log, the store and what they
// are told: each must be found.
func TestAuditorNotices(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs hookfold")
	}
	free := &ports{next: 29_500 + os.Getpid()%1_000}
	s := newUp(t, newWorld(t, 1, 80), build(t), free)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	s.world.begin(t, s, 2*time.Second)

	var findings []string
	note := func(format string, args ...any) { findings = append(findings, fmt.Sprintf(format, args...)) }
	a := &auditor{t, s, note}
	s.world.outcome(t, note)
	attempts := s.world.attempts(t)
	examine := func() string {
		findings = nil
		a.recorded(ctx, attempts)
		a.sound()
		return strings.Join(findings, "\n")
	}
	require.Empty(t, findings)
	require.Empty(t, examine())
	a.again(ctx, free)
	require.Empty(t, findings, "a store that nothing disturbed is as its log is")

	genuine := -1
	for i, at := range attempts {
		if at.Status == 200 && s.world.plan.Deliveries[at.Delivery].Fault == simulator.Sound {
			genuine = i
		}
	}
	d := s.world.plan.Deliveries[attempts[genuine].Delivery]
	for finding, attempt := range map[string]attempt{
		"the genuine delivery": {Delivery: d.Number, Status: 404},
		"was answered 401":     {Delivery: d.Number, Status: 401},
		"the stale delivery":   {Delivery: d.Number, Status: 200, Fault: simulator.Stale},
	} {
		was := *d
		d.Fault = attempt.Fault
		attempts = append(attempts, attempt)
		require.Contains(t, examine(), finding)
		attempts, *d = attempts[:len(attempts)-1], was
	}
	body := d.Body
	d.Body += " "
	require.Contains(t, examine(), fmt.Sprintf("LOST: delivery %d ", d.Number))
	d.Body = body
	require.Empty(t, examine(), "all is well again")

	plantRecord(t, s)
	require.Contains(t, examine(), "the log holds what nobody verified: evt_planted of devengo-sim")
	findings = nil
	a.caughtUp(ctx, a.ends(ctx))
	require.Empty(t, findings)
	plantState(t, s)
	require.Contains(t, examine(), "rows of payments with another number of observations than their timeline")
	findings = nil
	a.again(ctx, free)
	require.Contains(t, strings.Join(findings, "\n"), "the store differs from a fold of the same log")
}

// plantRecord puts something into the log past the endpoint.
func plantRecord(t *testing.T, s *site) {
	t.Helper()
	p, err := kafka.NewPublisher(kafka.PublisherConfig{Config: kafka.Config{Brokers: []string{s.brokers}}})
	require.NoError(t, err)
	m := message.NewMessage("planted", []byte(`{"id":"evt_planted","api_version":"v1","type":"outgoing_payment.confirmed","created_at":"2026-01-05T10:00:00Z",`+
		`"data":{"object":{"id":"pyo_planted","status":"confirmed","amount":{"cents":1,"currency":"EUR"},"created_at":"2026-01-05T10:00:00Z"}}}`))
	m.Metadata = message.Metadata{
		"content-type": "application/json", "ce_specversion": "1.0", "ce_id": "evt_planted", "ce_source": "/connections/devengo-sim",
		"ce_type": "devengo.outgoing_payment.confirmed", "ce_subject": "outgoing_payment/pyo_planted", "ce_time": "2026-01-05T10:00:00Z",
		"ce_recordedtime": "2026-01-05T10:00:01Z",
	}
	require.NoError(t, p.Publish(topic, m))
	require.NoError(t, p.Close())
}

// plantState changes the store past the worker, where users do not reach.
func plantState(t *testing.T, s *site) {
	t.Helper()
	db, err := sql.Open("sqlite3", s.store())
	require.NoError(t, err)
	defer db.Close() //nolint:errcheck // what was written is checked below
	result, err := db.Exec(`UPDATE entities SET observations = observations + 1 WHERE num =
		(SELECT min(e.num) FROM entities e JOIN kinds k ON k.num = e.kind WHERE k.family = 'payment')`)
	require.NoError(t, err)
	n, err := result.RowsAffected()
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
}
