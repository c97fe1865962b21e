package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/twmb/franz-go/pkg/kgo"
)

// startLimit is what joining a group and the first fetch may take; it is not measured.
const startLimit = 30 * time.Second

// commitTime is what one transaction of a store takes.
const commitTime = time.Millisecond

// uuidHeader is where watermill-kafka keeps a message's UUID.
const uuidHeader = "_watermill_message_uuid"

type environment struct {
	options
	addrs  []string
	topics int
}

const fullTopic = "bench.full"

type result struct {
	measure
	messages int
	elapsed  time.Duration
	cpu      time.Duration
}

func (r result) perSecond() float64 { return float64(r.messages) / r.elapsed.Seconds() }

// stopwatch takes wall and processor time of this process between two moments.
type stopwatch struct {
	at  time.Time
	cpu time.Duration
}

func startWatch() stopwatch { return stopwatch{time.Now(), processCPU()} }

func (s stopwatch) stop(messages int) result {
	return result{messages: messages, elapsed: time.Since(s.at), cpu: processCPU() - s.cpu}
}

func processCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // it cannot fail with these arguments
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// fill writes the topic that all consumers read, with headers as a webhook's record has them.
func (e *environment) fill() error {
	if err := e.createTopic(fullTopic); err != nil {
		return err
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(e.addrs...), kgo.DefaultProduceTopic(fullTopic),
		kgo.MaxBufferedRecords(20_000), kgo.ProducerLinger(5*time.Millisecond), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		return err
	}
	defer cl.Close()
	var failed atomic.Pointer[error]
	body := e.body()
	for i := range e.records {
		cl.Produce(context.Background(), &kgo.Record{
			Key:   fmt.Appendf(nil, "bench/payment/%d", i%200_000),
			Value: body,
			Headers: []kgo.RecordHeader{
				{Key: uuidHeader, Value: []byte(watermill.NewUUID())},
				{Key: "ce_specversion", Value: []byte("1.0")},
				{Key: "ce_type", Value: []byte("devengo.outgoing_payment.confirmed")},
				{Key: "ce_source", Value: []byte("/connections/bench")},
				{Key: "content-type", Value: []byte("application/json")},
			},
		}, func(_ *kgo.Record, err error) {
			if err != nil {
				failed.Store(&err)
			}
		})
	}
	if err := cl.Flush(context.Background()); err != nil {
		return err
	}
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// body is random, so that no layer can compress it away.
func (e *environment) body() []byte {
	b := make([]byte, e.size)
	r := rand.NewChaCha8([32]byte{1})
	r.Read(b) //nolint:errcheck // ChaCha8 never fails
	return b
}

func (e *environment) message(body []byte) *message.Message {
	m := message.NewMessage(watermill.NewUUID(), body)
	m.Metadata["ce_type"] = "devengo.outgoing_payment.confirmed"
	m.Metadata["ce_source"] = "/connections/bench"
	m.Metadata["content-type"] = "application/json"
	return m
}

// publish lets many goroutines publish calls of n messages until the limit.
func (e *environment) publish(pub func(topic string, msgs []*message.Message) error, n int) (result, error) {
	e.topics++
	topic := fmt.Sprintf("bench.publish.%d", e.topics)
	if err := e.createTopic(topic); err != nil {
		return result{}, err
	}
	body := e.body()
	batch := func() []*message.Message {
		msgs := make([]*message.Message, n)
		for j := range msgs {
			msgs[j] = e.message(body)
		}
		return msgs
	}
	if err := pub(topic, batch()); err != nil { // connects
		return result{}, err
	}
	var (
		wg     sync.WaitGroup
		done   atomic.Int64
		failed atomic.Pointer[error]
	)
	w := startWatch()
	for range e.publishers {
		wg.Go(func() {
			for time.Since(w.at) < e.limit && failed.Load() == nil {
				if err := pub(topic, batch()); err != nil {
					failed.Store(&err)
					return
				}
				done.Add(int64(n))
			}
		})
	}
	wg.Wait()
	r := w.stop(int(done.Load()))
	if err := failed.Load(); err != nil {
		return r, *err
	}
	return r, nil
}

// consume acknowledges messages as they come. The watch starts with the first, so that joining the
// group does not count.
func (e *environment) consume(messages <-chan *message.Message) (result, error) {
	var w stopwatch
	n := 0
	timer := time.NewTimer(startLimit)
	defer timer.Stop()
	for n < e.records {
		select {
		case m, open := <-messages:
			if !open {
				return result{}, fmt.Errorf("the channel was closed after %d messages", n)
			}
			if n == 0 {
				w = startWatch()
				timer.Reset(e.limit)
			}
			n++
			m.Ack()
		case <-timer.C:
			if n == 0 {
				return result{}, fmt.Errorf("no message within %v", startLimit)
			}
			return w.stop(n), nil
		}
	}
	return w.stop(n), nil
}

// consumeInGroups acknowledges as a store with group commit does: it takes what is there, works on
// it for a millisecond, and acknowledges all of it.
func (e *environment) consumeInGroups(messages <-chan *message.Message) (result, error) {
	var batch []*message.Message
	n := 0
	first, open := <-messages
	if !open {
		return result{}, errors.New("the channel was closed before the first message")
	}
	batch = append(batch, first)
	w := startWatch()
	commit := time.NewTimer(commitTime)
	defer commit.Stop()
	for n < e.records && time.Since(w.at) < e.limit {
		select {
		case m, open := <-messages:
			if !open {
				return result{}, fmt.Errorf("the channel was closed after %d messages", n)
			}
			batch = append(batch, m)
		case <-commit.C:
			for _, m := range batch {
				m.Ack()
			}
			n += len(batch)
			batch = batch[:0]
			commit.Reset(commitTime)
		}
	}
	return w.stop(n), nil
}
