//go:build synctests

package kafka_test

import (
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// trouble is one kind of thing that goes wrong. weight is how often it is chosen.
type trouble struct {
	name   string
	weight int
	strike func(*world, *rand.Rand)
	hits   atomic.Int64 // over all histories: a kind that never strikes tests nothing
}

// answers gives the next few requests of the keys an error in place of the true answer. Those with
// REQUEST_TIMED_OUT are applied all the same.
func answers(name string, weight int, err *kerr.Error, keys ...kmsg.Key) *trouble {
	t := &trouble{name: name, weight: weight}
	t.strike = func(w *world, r *rand.Rand) {
		w.faults = append(w.faults, fault{t, w.cluster.Fault(kfake.Fault{Keys: keys, Err: err, Count: 1 + r.IntN(4)})})
	}
	return t
}

// does runs something in the world at once.
func does(name string, weight int, do func(*world, *rand.Rand)) *trouble {
	t := &trouble{name: name, weight: weight}
	t.strike = func(w *world, r *rand.Rand) {
		t.hits.Add(1)
		do(w, r)
	}
	return t
}

// intercepts answers one request of one of the keys in the broker's place.
func intercepts(name string, weight int, answer func() (kmsg.Response, error, bool), keys ...kmsg.Key) *trouble {
	t := &trouble{name: name, weight: weight}
	t.strike = func(w *world, r *rand.Rand) {
		w.cluster.ControlKey(keys[r.IntN(len(keys))].Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
			if w.calm.Load() {
				w.cluster.DropControl()
				return nil, nil, false
			}
			t.hits.Add(1)
			return answer()
		})
	}
	return t
}

// fault is an injected fault whose hits are counted when the history is over.
type fault struct {
	of     *trouble
	handle *kfake.FaultHandle
}

// troubles are all kinds. Their order is part of what a seed means.
func troubles() []*trouble {
	group := []kmsg.Key{kmsg.JoinGroup, kmsg.SyncGroup, kmsg.Heartbeat, kmsg.OffsetCommit, kmsg.OffsetFetch, kmsg.ConsumerGroupHeartbeat}
	return []*trouble{
		does("partition leader moved", 3, func(w *world, r *rand.Rand) {
			p, to := int32(r.IntN(w.plan.partitions)), int32(r.IntN(w.plan.brokers))
			if err := w.cluster.MoveTopicPartition(topic, p, to); err != nil {
				w.blame("move partition %d to %d: %v", p, to, err)
			}
		}),
		does("all leaders moved", 1, func(w *world, _ *rand.Rand) { w.cluster.ShufflePartitionLeaders() }),
		does("coordinators moved", 1, func(w *world, _ *rand.Rand) { w.cluster.RehashCoordinators() }),
		answers("coordinator loading", 3, kerr.CoordinatorLoadInProgress, group...),
		answers("not the coordinator", 2, kerr.NotCoordinator, group...),
		answers("no coordinator found", 1, kerr.CoordinatorNotAvailable, kmsg.FindCoordinator),
		answers("commit timed out after it was applied", 2, kerr.RequestTimedOut, kmsg.OffsetCommit),
		answers("commit in a rebalance", 2, kerr.RebalanceInProgress, kmsg.OffsetCommit),
		answers("commit of an old generation", 2, kerr.IllegalGeneration, kmsg.OffsetCommit),
		answers("commit of an unknown member", 1, kerr.UnknownMemberID, kmsg.OffsetCommit),
		answers("offsets unstable", 1, kerr.UnstableOffsetCommit, kmsg.OffsetFetch),
		answers("rebalance called", 3, kerr.RebalanceInProgress, kmsg.Heartbeat),
		answers("member unknown", 2, kerr.UnknownMemberID, kmsg.Heartbeat, kmsg.SyncGroup, kmsg.ConsumerGroupHeartbeat),
		answers("generation too old", 2, kerr.IllegalGeneration, kmsg.Heartbeat, kmsg.SyncGroup),
		answers("member epoch fenced", 2, kerr.FencedMemberEpoch, kmsg.ConsumerGroupHeartbeat),
		answers("produce to the wrong leader", 2, kerr.NotLeaderForPartition, kmsg.Produce),
		answers("produce timed out after it was applied", 3, kerr.RequestTimedOut, kmsg.Produce),
		answers("produce with too few replicas after it was applied", 1, kerr.NotEnoughReplicasAfterAppend, kmsg.Produce),
		answers("produce refused: too few replicas", 1, kerr.NotEnoughReplicas, kmsg.Produce),
		answers("fetch from the wrong leader", 2, kerr.NotLeaderForPartition, kmsg.Fetch),
		answers("fetch with an old leader epoch", 2, kerr.FencedLeaderEpoch, kmsg.Fetch),
		answers("fetch with an unknown leader epoch", 1, kerr.UnknownLeaderEpoch, kmsg.Fetch),
		answers("fetch: storage error", 2, kerr.KafkaStorageError, kmsg.Fetch),
		answers("fetch: unknown partition", 1, kerr.UnknownTopicOrPartition, kmsg.Fetch),
		answers("fetch: offset not available", 1, kerr.OffsetNotAvailable, kmsg.Fetch),
		answers("offsets of the log not listed", 2, kerr.NotLeaderForPartition, kmsg.ListOffsets),
		answers("no leader known", 1, kerr.LeaderNotAvailable, kmsg.Metadata),
		intercepts("connection broken instead of an answer", 3, func() (kmsg.Response, error, bool) {
			return nil, errors.New("cut"), true
		}, append(group, kmsg.Fetch, kmsg.Produce, kmsg.Metadata, kmsg.FindCoordinator)...),
		intercepts("no answer at all", 1, func() (kmsg.Response, error, bool) { return nil, nil, true },
			kmsg.OffsetCommit, kmsg.Heartbeat, kmsg.Fetch, kmsg.Produce, kmsg.ConsumerGroupHeartbeat),
		does("member joins", 4, func(w *world, _ *rand.Rand) { w.join() }),
		does("member closes", 3, func(w *world, r *rand.Rand) { w.with(r, (*member).close) }),
		does("member killed", 3, func(w *world, r *rand.Rand) { w.with(r, (*member).kill) }),
		does("subscription cancelled", 2, func(w *world, r *rand.Rand) { w.with(r, (*member).cancelContext) }),
		does("member loses its connections", 2, func(w *world, r *rand.Rand) { w.with(r, (*member).cut) }),
		does("member cut off for a while", 2, func(w *world, r *rand.Rand) {
			d := time.Duration(1+r.IntN(20)) * time.Second
			w.with(r, func(m *member) { m.isolate(d) })
		}),
		does("member stops reading for a while", 2, func(w *world, r *rand.Rand) {
			d := time.Duration(1+r.IntN(20)) * time.Second
			w.with(r, func(m *member) { m.stall(d) })
		}),
		does("records published", 8, func(w *world, r *rand.Rand) { w.publish(1 + r.IntN(8)) }),
	}
}
