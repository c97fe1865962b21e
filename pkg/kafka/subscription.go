package kafka

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/plugin/kotel"
)

// subscription is one Subscribe: a client, a poller, a committer, and a goroutine for each partition.
//
//	poller ──records──▶ partition (one each) ──messages──▶ out ──▶ handlers
//	                        └──acknowledged prefix──▶ committer
type subscription struct {
	*Subscriber
	topic   string
	ctx     context.Context // of the messages; ends with the caller's, or when closing has waited long enough
	cancel  context.CancelFunc
	client  *kgo.Client
	abort   context.CancelFunc // ends the client's requests, also those that closing it would wait for
	made    chan struct{}      // closed when client is set: the group may call back before that
	tracer  *kotel.Tracer
	release func()

	out        chan *message.Message
	closing    chan struct{}   // closed when the end begins
	closingCtx context.Context // ends when closing is closed
	closeCtx   context.CancelFunc
	killed     chan struct{} // closed when the wait for what is in flight is over
	ended      chan struct{} // closed when every goroutine is gone
	once       sync.Once
	wg         sync.WaitGroup // partitions and loops

	mu      sync.Mutex
	cond    *sync.Cond // of gates and polling
	parts   map[int32]*partition
	gates   int // assignments waiting for the poll to end
	polling bool
	unpoll  context.CancelFunc
	starved chan struct{} // a partition's queue ran low

	nparts  atomic.Int32
	commits chan struct{} // holds a token while nobody commits
}

// handout is how many messages lie ready for handlers beside those that have one: it spares a change of goroutines for each message. They
// count as in flight.
const handout = 16

func newSubscription(ctx context.Context, s *Subscriber, topic string) (*subscription, error) {
	sub := &subscription{
		Subscriber: s, topic: topic,
		out:     make(chan *message.Message, handout),
		made:    make(chan struct{}),
		closing: make(chan struct{}), killed: make(chan struct{}), ended: make(chan struct{}),
		parts: map[int32]*partition{}, starved: make(chan struct{}, 1), commits: make(chan struct{}, 1),
	}
	sub.closingCtx, sub.closeCtx = context.WithCancel(context.Background())
	sub.cond = sync.NewCond(&sub.mu)
	sub.commits <- struct{}{}
	sub.nparts.Store(1)
	sub.ctx, sub.cancel = context.WithCancel(ctx)
	var err error
	base, abort := context.WithCancel(context.Background())
	sub.abort = abort
	sub.client, sub.tracer, sub.release, err = s.cfg.client("subscriber", append(sub.options(), kgo.WithContext(base))...)
	if err != nil {
		sub.abort()
		sub.cancel()
		return nil, err
	}
	close(sub.made)
	return sub, nil
}

func (s *subscription) options() []kgo.Opt {
	part := int32(min(max(s.cfg.MaxBytes/8, 64<<10), 1<<20))
	opts := []kgo.Opt{
		kgo.FetchMaxPartitionBytes(part),
		kgo.FetchMaxBytes(int32(min(max(s.cfg.MaxBytes/2, 64<<10), 50<<20))),
		kgo.FetchMaxWait(500 * time.Millisecond),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		// What lies out of range is read from the oldest record that is left: nothing is skipped, at the price of repetition.
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.RetryBackoffFn(backoff),
	}
	if s.cfg.Rack != "" {
		opts = append(opts, kgo.Rack(s.cfg.Rack))
	}
	if s.cfg.Group == "" {
		return opts
	}
	opts = append(opts,
		kgo.ConsumerGroup(s.cfg.Group),
		kgo.ConsumeTopics(s.topic),
		kgo.DisableAutoCommit(),
		kgo.Balancers(kgo.CooperativeStickyBalancer()),
		kgo.SessionTimeout(s.cfg.SessionTimeout),
		kgo.RebalanceTimeout(s.cfg.RebalanceTimeout),
		kgo.HeartbeatInterval(s.cfg.HeartbeatInterval),
		kgo.AdjustFetchOffsetsFn(s.adjust),
		kgo.OnPartitionsAssigned(func(ctx context.Context, _ *kgo.Client, ps map[string][]int32) {
			<-s.made
			s.assigned(ctx, ps[s.topic])
		}),
		kgo.OnPartitionsRevoked(func(ctx context.Context, _ *kgo.Client, ps map[string][]int32) { <-s.made; s.revoked(ctx, ps[s.topic]) }),
		kgo.OnPartitionsLost(func(ctx context.Context, _ *kgo.Client, ps map[string][]int32) { <-s.made; s.lost(ctx, ps[s.topic]) }),
	)
	if s.cfg.InstanceID != "" {
		opts = append(opts, kgo.InstanceID(s.cfg.InstanceID))
	}
	if s.cfg.KIP848 {
		opts = append(opts, kgo.Balancers(kgo.StickyBalancer()), kgo.ServerSideBalancer())
	}
	return opts
}

func (s *subscription) begin() {
	s.wg.Go(s.poll)
	if s.cfg.Group == "" {
		s.wg.Go(s.assignAll)
	} else {
		s.wg.Go(s.commitLoop)
	}
	stop := context.AfterFunc(s.ctx, s.close)
	go s.end(stop)
}

// close begins the end.
func (s *subscription) close() { s.once.Do(func() { close(s.closing); s.closeCtx() }) }

// poll moves fetched records to their partitions. An assignment interrupts it and waits until it is between two polls: so all
// records that a poll returns belong to assignments that are older than the poll, and what is left of a lost
// assignment can never pass for the first records of its successor.
func (s *subscription) poll() {
	for {
		s.mu.Lock()
		for s.gates > 0 {
			s.cond.Wait()
		}
		ctx, cancel := context.WithCancel(context.Background())
		s.polling, s.unpoll = true, cancel
		s.mu.Unlock()

		stop := !s.pollOnce(ctx)
		cancel()

		s.mu.Lock()
		s.polling = false
		s.cond.Broadcast()
		s.mu.Unlock()
		if stop {
			return
		}
	}
}

func (s *subscription) pollOnce(ctx context.Context) (more bool) {
	select {
	case <-s.closing:
		return false
	default:
	}
	if len(s.full()) > 0 && !s.drained(ctx) {
		return true
	}
	fetches := s.client.PollRecords(ctx, min(s.shareRecords(), 10_000))
	if fetches.IsClientClosed() {
		return false
	}
	fetches.EachPartition(func(f kgo.FetchTopicPartition) {
		if f.Err != nil {
			s.fetchError(f)
			return
		}
		s.dispatch(f)
	})
	return true
}

func (s *subscription) fetchError(f kgo.FetchTopicPartition) {
	if errors.Is(f.Err, context.Canceled) || errors.Is(f.Err, context.DeadlineExceeded) {
		return
	}
	s.meters.fetchErrors.Add(1)
	s.cfg.Logger.Warn("kafka: fetching failed, going on", "topic", s.topic, "partition", f.Partition, "error", f.Err)
}

func (s *subscription) dispatch(f kgo.FetchTopicPartition) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.parts[f.Partition]
	if p == nil || f.Topic != s.topic {
		return // revoked meanwhile
	}
	if p.add(f.Records, f.HighWatermark) {
		p.full = true
		p.fullHint.Store(true)
	}
}

// patience is how long polling waits for a partition whose queue is full. What is fetched meanwhile stays with the client; pausing a
// partition throws it away, so that is for handlers that are slower than this.
const patience = 250 * time.Millisecond

// full gives the partitions that have their share queued and are still fetched.
func (s *subscription) full() []*partition {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ps []*partition
	for _, p := range s.parts {
		if p.full && !p.paused {
			ps = append(ps, p)
		}
	}
	return ps
}

// drained waits until the queues of the partitions run low, and pauses those that do not in time, so that they hold up no
// others; their fetching resumes when they have run low. It gives false when polling must look again at what there is to do.
func (s *subscription) drained(ctx context.Context) bool {
	t := time.NewTimer(patience)
	defer t.Stop()
	for {
		select {
		case <-s.starved:
			if len(s.full()) == 0 {
				return true
			}
		case <-t.C:
			s.pause()
			return true
		case <-ctx.Done():
			return false
		case <-s.closing:
			return false
		}
	}
}

func (s *subscription) pause() {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []int32
	for _, p := range s.parts {
		if p.full && !p.paused {
			p.paused = true
			ids = append(ids, p.id)
		}
	}
	if len(ids) > 0 {
		s.client.PauseFetchPartitions(map[string][]int32{s.topic: ids})
	}
}

// hungry tells that a partition's queue has run low. Called by its goroutine, without its lock.
func (s *subscription) hungry(p *partition) {
	if !p.fullHint.Load() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !p.full || s.parts[p.id] != p {
		return
	}
	p.full = false
	p.fullHint.Store(false)
	if p.paused {
		p.paused = false
		s.client.ResumeFetchPartitions(map[string][]int32{s.topic: {p.id}})
	}
	select {
	case s.starved <- struct{}{}:
	default:
	}
}

func (s *subscription) shareRecords() int { return max(s.cfg.MaxRecords/int(s.nparts.Load()), 1) }
func (s *subscription) shareBytes() int64 { return max(s.cfg.MaxBytes/int64(s.nparts.Load()), 1) }

// assigned makes the goroutines of new partitions.
func (s *subscription) assigned(ctx context.Context, ids []int32) {
	if len(ids) == 0 {
		return
	}
	s.mu.Lock()
	s.gates++
	if s.polling {
		s.unpoll()
	}
	for s.polling {
		s.cond.Wait()
	}
	for _, id := range ids {
		if old := s.parts[id]; old != nil {
			old.giveUp()
		}
		p := newPartition(s, id)
		if s.cfg.Group != "" {
			p.before = s.handing.succeed(topicPartition{s.topic, id}, p.gone)
		}
		s.parts[id] = p
		s.wg.Go(p.run)
	}
	s.nparts.Store(int32(max(len(s.parts), 1)))
	s.client.ResumeFetchPartitions(map[string][]int32{s.topic: ids})
	s.gates--
	s.cond.Broadcast()
	s.mu.Unlock()
	s.cfg.Logger.Info("kafka: partitions assigned", "topic", s.topic, "partitions", ids)
	if s.cfg.OnAssigned != nil {
		s.cfg.OnAssigned(ctx, s.topic, ids)
	}
}

// remove takes partitions out of the subscription.
func (s *subscription) remove(ids []int32) []*partition {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ps []*partition
	for _, id := range ids {
		if p := s.parts[id]; p != nil {
			ps = append(ps, p)
			delete(s.parts, id)
		}
	}
	s.nparts.Store(int32(max(len(s.parts), 1)))
	return ps
}

func (s *subscription) held(ids []int32) []*partition {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ps []*partition
	for _, id := range ids {
		if p := s.parts[id]; p != nil {
			ps = append(ps, p)
		}
	}
	return ps
}

// revoked hands partitions over: stop, wait, commit.
func (s *subscription) revoked(ctx context.Context, ids []int32) {
	if len(ids) == 0 {
		return
	}
	ps := s.held(ids)
	for _, p := range ps {
		p.end(p.stop)
	}
	if s.cfg.OnRevoking != nil {
		s.cfg.OnRevoking(ctx, s.topic, ids)
	}
	began := time.Now()
	if left := s.waitIdle(ps, s.cfg.RevokeTimeout); left > 0 {
		s.cfg.Logger.Warn("kafka: handing partitions over with messages still in handlers; these are delivered again to the next owner",
			"topic", s.topic, "partitions", ids, "waited", time.Since(began))
	}
	s.commit(ps)
	s.remove(ids)
	for _, p := range ps {
		p.giveUp()
	}
	s.cfg.Logger.Info("kafka: partitions revoked", "topic", s.topic, "partitions", ids)
	if s.cfg.OnRevoked != nil {
		s.cfg.OnRevoked(ctx, s.topic, ids)
	}
}

// lost drops partitions that someone else may have already.
func (s *subscription) lost(ctx context.Context, ids []int32) {
	if len(ids) == 0 {
		return
	}
	for _, p := range s.remove(ids) {
		p.giveUp()
	}
	s.meters.lost.Add(int64(len(ids)))
	s.cfg.Logger.Warn("kafka: partitions lost; what is in handlers is delivered again to the next owner", "topic", s.topic, "partitions", ids)
	if s.cfg.OnLost != nil {
		s.cfg.OnLost(ctx, s.topic, ids)
	}
}

// waitIdle waits until nothing of the partitions is in flight, and gives the number of those where something still is.
func (s *subscription) waitIdle(ps []*partition, limit time.Duration) (left int) {
	t := time.NewTimer(limit)
	defer t.Stop()
	for _, p := range ps {
		select {
		case <-p.idle:
		case <-t.C:
			return busy(ps)
		case <-s.killed:
			return busy(ps)
		}
	}
	return 0
}

// busy counts the partitions with something in flight. A wait can end for two reasons at once, so it is looked at again.
func busy(ps []*partition) (n int) {
	for _, p := range ps {
		select {
		case <-p.idle:
		default:
			n++
		}
	}
	return n
}

// end brings everything down in order, once closing has begun.
func (s *subscription) end(stop func() bool) {
	<-s.closing
	stop()
	deadline := time.Now().Add(s.cfg.CloseTimeout)
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()

	s.mu.Lock()
	if s.polling {
		s.unpoll()
	}
	ps := slices.Collect(maps.Values(s.parts))
	s.mu.Unlock()
	for _, p := range ps {
		p.end(p.stop)
	}
	s.takeBack(ps)
	if left := s.waitIdle(ps, s.cfg.CloseTimeout/2); left > 0 {
		s.cfg.Logger.Warn("kafka: closing with messages still in handlers; these are delivered again to the next reader",
			"topic", s.topic, "waited", s.cfg.CloseTimeout/2)
	}
	if s.cfg.Group != "" {
		s.commitWithin(ctx, ps)
	}
	close(s.killed)
	s.cancel()
	s.leave(ctx)
	s.wg.Wait()
	close(s.out)
	s.release()
	s.forget(s)
	close(s.ended)
}

// takeBack refuses, in the handlers' stead, the messages that lie ready and that no handler has taken.
func (s *subscription) takeBack(ps []*partition) {
	for _, p := range ps {
		select {
		case <-p.stopped:
		case <-p.gone:
		}
	}
	for {
		select {
		case msg := <-s.out:
			msg.Nack()
		default:
			return
		}
	}
}

// leave closes the client within the rest of the time.
func (s *subscription) leave(ctx context.Context) {
	if s.cfg.Group != "" {
		// A member that cannot say goodbye is missed after the session time-out.
		if err := s.client.LeaveGroupContext(ctx); err != nil {
			s.cfg.Logger.Warn("kafka: the group was not left in time; it notices after the session time-out", "group", s.cfg.Group, "error", err)
		}
	}
	// Closing waits for a join under way, which the broker may hold back for the length of a rebalance.
	stop := context.AfterFunc(ctx, s.abort)
	s.client.Close()
	stop()
	s.abort()
}
