package kafka

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// meters count what happens in one subscription; a subscriber's sums outlive its subscriptions.
type meters struct {
	nacked, undecodable, lost, fetchErrors, commitErrors atomic.Int64
}

// lagCollector reports the partitions held at the time of the scrape. Subscribers that share a registry share a collector.
type lagCollector struct {
	records, seconds, inflight *prometheus.Desc
	counters                   [5]*prometheus.Desc

	mu   sync.Mutex
	subs map[*Subscriber]struct{}
}

func registerLag(reg prometheus.Registerer, s *Subscriber) (*lagCollector, error) {
	held := []string{"client", "group", "topic", "partition"}
	total := []string{"client", "group"}
	c := &lagCollector{
		records:  prometheus.NewDesc("kafka_subscriber_lag_records", "Records of a partition held now that are not acknowledged up to the contiguous prefix.", held, nil),
		seconds:  prometheus.NewDesc("kafka_subscriber_lag_seconds", "Age of the oldest unacknowledged record of a partition held now, by its timestamp; 0 when there is none.", held, nil),
		inflight: prometheus.NewDesc("kafka_subscriber_queued_records", "Records of a partition held now that are fetched and not handed out.", held, nil),
		counters: [5]*prometheus.Desc{
			prometheus.NewDesc("kafka_subscriber_nacks_total", "Messages refused, to be delivered again.", total, nil),
			prometheus.NewDesc("kafka_subscriber_undecodable_total", "Deliveries of records that the marshaler refused.", total, nil),
			prometheus.NewDesc("kafka_subscriber_lost_partitions_total", "Partitions lost without notice.", total, nil),
			prometheus.NewDesc("kafka_subscriber_fetch_errors_total", "Errors while fetching.", total, nil),
			prometheus.NewDesc("kafka_subscriber_commit_errors_total", "Commits of offsets that failed.", total, nil),
		},
		subs: map[*Subscriber]struct{}{},
	}
	if err := reg.Register(c); err != nil {
		var taken prometheus.AlreadyRegisteredError
		if !errors.As(err, &taken) {
			return nil, fmt.Errorf("kafka: lag metrics: %w", err)
		}
		shared, ok := taken.ExistingCollector.(*lagCollector)
		if !ok {
			return nil, fmt.Errorf("kafka: lag metrics: %w", err)
		}
		c = shared
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.subs[s] = struct{}{}
	return c, nil
}

func (c *lagCollector) remove(s *Subscriber) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.subs, s)
}

// Describe implements [prometheus.Collector].
func (c *lagCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range append([]*prometheus.Desc{c.records, c.seconds, c.inflight}, c.counters[:]...) {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *lagCollector) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	type owner struct{ client, group string }
	sums := map[owner][5]int64{}
	parts := map[[4]string]Lag{}
	for s := range c.subs {
		o := owner{s.cfg.ClientID, s.cfg.Group}
		sum := sums[o]
		for i, n := range s.totals() {
			sum[i] += n
		}
		sums[o] = sum
		for _, l := range s.Lag() {
			key := [4]string{o.client, o.group, l.Topic, strconv.Itoa(int(l.Partition))}
			if old, ok := parts[key]; ok { // subscriptions without a group: the furthest behind counts
				l.Records, l.Age, l.Queued = max(l.Records, old.Records), max(l.Age, old.Age), max(l.Queued, old.Queued)
			}
			parts[key] = l
		}
	}
	for key, l := range parts {
		ch <- prometheus.MustNewConstMetric(c.records, prometheus.GaugeValue, float64(l.Records), key[:]...)
		ch <- prometheus.MustNewConstMetric(c.seconds, prometheus.GaugeValue, l.Age.Seconds(), key[:]...)
		ch <- prometheus.MustNewConstMetric(c.inflight, prometheus.GaugeValue, float64(l.Queued), key[:]...)
	}
	for o, sum := range sums {
		for i, d := range c.counters {
			ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(sum[i]), o.client, o.group)
		}
	}
}

// Lag is how far one partition that is held now is behind.
type Lag struct {
	Topic     string
	Partition int32
	// Records between the acknowledged prefix and the end of the partition at the last fetch.
	Records int64
	// Age of the oldest unacknowledged record, by its timestamp; 0 when there is none.
	Age time.Duration
	// Queued records are fetched and not handed out.
	Queued int
}

// Lag gives the lag of every partition held now.
func (s *Subscriber) Lag() []Lag {
	var lags []Lag
	now := time.Now()
	for _, sub := range s.subscriptions() {
		sub.mu.Lock()
		for _, p := range sub.parts {
			l := Lag{Topic: sub.topic, Partition: p.id}
			prefix := p.prefix.Load()
			if prefix >= 0 {
				l.Records = max(p.hwm.Load()-prefix, 0)
			}
			oldest := p.oldest.Load()
			p.qmu.Lock()
			l.Queued = len(p.queue)
			if oldest == 0 && l.Queued > 0 {
				oldest = p.queue[0].Timestamp.UnixMilli()
			}
			p.qmu.Unlock()
			if oldest > 0 {
				l.Age = max(now.Sub(time.UnixMilli(oldest)), 0)
			}
			lags = append(lags, l)
		}
		sub.mu.Unlock()
	}
	return lags
}

// totals sums the meters of subscriptions open and closed.
func (s *Subscriber) totals() [5]int64 {
	m := s.meters
	return [5]int64{m.nacked.Load(), m.undecodable.Load(), m.lost.Load(), m.fetchErrors.Load(), m.commitErrors.Load()}
}
