package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	"github.com/hookfold/hookfold/pkg/lifecycle"
	"github.com/hookfold/hookfold/projections"
)

const (
	// idleSamples deliveries, each after a pause in which everything has come to rest.
	idleSamples = 200
	idlePause   = 10 * time.Millisecond
	// idlePoll is how often the store is asked; asking more often would take from what is measured.
	idlePoll = 250 * time.Microsecond
)

// idle measures one delivery on a system at rest, from the POST to the row that a reader of the store sees.
func (b *bed) idle() error {
	for i, p := range b.programs {
		topic := fmt.Sprintf("bench.idle.%d", i)
		took, err := b.deliverOneByOne(p, topic)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		slices.Sort(took)
		l := line{what: "one delivery, POST to row", who: p.name, p50: took[len(took)/2], p99: took[len(took)*99/100]}
		l.verdicts = []string{
			below("p50", float64(l.p50.Microseconds())/1000, 10, "ms"), below("p99", float64(l.p99.Microseconds())/1000, 50, "ms"),
		}
		l.print()
	}
	return nil
}

func (b *bed) deliverOneByOne(p program, topic string) (took []time.Duration, err error) {
	if err := b.createTopic(topic); err != nil {
		return nil, err
	}
	data := filepath.Join(b.dir, topic)
	worker, _, err := b.hookfold(p, "worker", topic, data)
	if err != nil {
		return nil, err
	}
	defer func() { _, e := worker.stop(); err = errors.Join(err, e) }()
	ingest, said, err := b.hookfold(p, "ingest", topic, data)
	if err != nil {
		return nil, err
	}
	defer func() { _, e := ingest.stop(); err = errors.Join(err, e) }()
	store, err := projections.OpenReader(filepath.Join(data, "projections.db"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	conn, err := net.Dial("tcp", said["listen"])
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	m := newMaker(b.size)
	answers := bufio.NewReader(conn)
	for n := range idleSamples + 1 {
		entity := m.id("pyo_")
		request := m.request(entity, 0)
		time.Sleep(idlePause)
		began := time.Now()
		if _, err := conn.Write(request); err != nil {
			return nil, err
		}
		answer, err := http.ReadResponse(answers, nil)
		if err != nil {
			return nil, err
		}
		if _, err := answers.Discard(int(answer.ContentLength)); err != nil || answer.StatusCode != http.StatusOK {
			return nil, errors.Join(fmt.Errorf("ingest answered %s", answer.Status), err)
		}
		if err := untilThere(store, lifecycle.Entity{Connection: connection, Kind: kind, ID: entity}, startLimit); err != nil {
			return nil, err
		}
		if n > 0 { // the first waits for the worker to join its group
			took = append(took, time.Since(began))
		}
	}
	return took, nil
}

func untilThere(store *projections.Reader, e lifecycle.Entity, limit time.Duration) error {
	for began := time.Now(); time.Since(began) < limit; time.Sleep(idlePoll) {
		_, err := store.Timeline(context.Background(), e)
		if !errors.Is(err, projections.ErrNoEntity) {
			return err
		}
	}
	return fmt.Errorf("a delivery was not in the store after %v", limit)
}
