package kafka

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// commitLoop commits the acknowledged prefixes from time to time.
func (s *subscription) commitLoop() {
	t := time.NewTicker(s.cfg.CommitInterval)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			s.mu.Lock()
			ps := slices.Collect(maps.Values(s.parts))
			s.mu.Unlock()
			s.commit(ps)
		case <-s.closing:
			return
		}
	}
}

// commitLimit bounds one commit, so that an outage of the coordinator holds nothing up for long.
const commitLimit = 5 * time.Second

func (s *subscription) commit(ps []*partition) {
	ctx, cancel := context.WithTimeout(s.client.Context(), commitLimit)
	defer cancel()
	s.commitWithin(ctx, ps)
}

// commitWithin commits what is new. A failure is logged only: what was not committed is delivered again, nothing is lost.
func (s *subscription) commitWithin(ctx context.Context, ps []*partition) {
	select {
	case <-s.commits:
		defer func() { s.commits <- struct{}{} }()
	case <-ctx.Done():
		s.commitFailed(fmt.Errorf("another commit is still under way: %w", ctx.Err()))
		return
	}
	offsets := map[int32]kgo.EpochOffset{}
	for _, p := range ps {
		if prefix := p.prefix.Load(); prefix > p.committed && (p.committed >= 0 || prefix > p.from.Load()) {
			offsets[p.id] = kgo.EpochOffset{Epoch: p.epoch.Load(), Offset: prefix}
		}
	}
	if len(offsets) == 0 {
		return
	}
	s.client.CommitOffsetsSync(ctx, map[string]map[int32]kgo.EpochOffset{s.topic: offsets},
		func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, err error) {
			if err != nil {
				s.commitFailed(err)
				return
			}
			for _, t := range resp.Topics {
				for _, rp := range t.Partitions {
					if err := kerr.ErrorForCode(rp.ErrorCode); err != nil {
						s.commitFailed(err)
						continue
					}
					for _, p := range ps {
						if p.id == rp.Partition {
							p.committed = offsets[p.id].Offset
						}
					}
				}
			}
		})
}

func (s *subscription) commitFailed(err error) {
	s.meters.commitErrors.Add(1)
	s.cfg.Logger.Warn("kafka: offsets were not committed, trying again with the next", "topic", s.topic, "group", s.cfg.Group, "error", err)
}
