package embedded

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// guard stands before and behind kfake's produce, which on its own would
//
//   - fill the disk to its last byte,
//   - take a batch's sequence number even when it could not write the batch, so that a retry passes for a duplicate and is confirmed,
//   - pass over the error of a sync.
//
// kfake handles requests one at a time and calls produce and Logf in the course of it, so "the request under way" is well
// defined.
type guard struct {
	dir     string
	minFree int64
	log     *slog.Logger
	cluster *kfake.Cluster
	now     func() time.Time
	check   func(*os.File) error

	mu      sync.Mutex
	current map[string]producer // the request under way: producers by topic-partition
	tainted map[producer]bool   // their sequence runs ahead of what is written
	fatal   error               // the disk has lost what it had taken
	short   error               // there is too little space
	files   map[string]*touched // partitions written to lately
	names   map[[16]byte]string // topics by id
	calls   int
}

// producer is an idempotent producer's epoch on one partition.
type producer struct {
	tp    string
	id    int64
	epoch int16
}

// touched is a partition that was written to lately, with the segment it was written to.
type touched struct {
	at   time.Time // of the last write
	seen time.Time // when the newest segment was looked for
	base int64
	file *os.File
}

// watchFor is how long after a write the disk's word on it is asked for. A sync takes far less.
const watchFor = time.Minute

func newGuard(cfg Config) *guard {
	return &guard{
		dir: cfg.Dir, minFree: cfg.MinFree, log: cfg.Logger,
		check: syncError, now: time.Now,
		current: map[string]producer{}, tainted: map[producer]bool{}, files: map[string]*touched{}, names: map[[16]byte]string{},
	}
}

// refusal says why records are refused now.
func (g *guard) refusal() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.refusalLocked()
}

func (g *guard) refusalLocked() error {
	if g.fatal != nil || g.dir == "" {
		return g.fatal
	}
	free, err := freeBytes(g.dir)
	if err == nil && free < g.minFree {
		err = fmt.Errorf("embedded broker: %d MiB free in %s, below the %d MiB kept back: records are refused until there is space", free>>20, g.dir, g.minFree>>20)
	}
	if (err == nil) != (g.short == nil) {
		if err != nil {
			g.log.Error("embedded broker: refusing records", "error", err)
		} else {
			g.log.Info("embedded broker: taking records again", "dir", g.dir)
		}
	}
	g.short = err
	return err
}

// produce is called before each produce request is handled; it answers in kfake's place where the request must be refused.
func (g *guard) produce(kreq kmsg.Request) (kmsg.Response, error, bool) { //nolint:revive // the order is kfake's
	g.stay()
	req := kreq.(*kmsg.ProduceRequest)
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.refusalLocked(); err != nil {
		return refuse(req, kerr.KafkaStorageError, err.Error()), nil, true
	}
	clear(g.current)
	for _, t := range req.Topics {
		topic := t.Topic
		if req.Version >= 13 {
			topic = g.topicOf(t.TopicID)
		}
		for _, p := range t.Partitions {
			tp := fmt.Sprintf("%s-%d", topic, p.Partition)
			if who, ok := producerOf(tp, p.Records); ok {
				if g.tainted[who] {
					return refuse(req, kerr.OutOfOrderSequenceNumber, "an earlier batch could not be written: begin a new epoch"), nil, true
				}
				g.current[tp] = who
			}
			g.touch(tp)
		}
	}
	return nil, nil, false
}

// stay keeps produce in charge of the next request. kfake remembers the last request of every connection for each control function, also when the
// connection has gone, so from time to time the function is put in anew.
func (g *guard) stay() {
	if g.calls++; g.calls%1000 == 0 {
		g.cluster.DropControl()
		g.cluster.ControlKey(int16(kmsg.Produce), g.produce)
		return
	}
	g.cluster.KeepControl()
}

// topicOf gives the name of a topic. A topic's id never stands for another one, so it is asked for once.
func (g *guard) topicOf(id [16]byte) string {
	name, ok := g.names[id]
	if !ok {
		if info := g.cluster.TopicIDInfo(id); info != nil {
			name = info.Topic
			g.names[id] = name
		}
	}
	return name
}

// producerOf reads the idempotent producer from a record batch's header.
func producerOf(tp string, batch []byte) (producer, bool) {
	const idAt, epochAt, end = 43, 51, 53
	if len(batch) < end {
		return producer{}, false
	}
	who := producer{
		tp:    tp,
		id:    int64(binary.BigEndian.Uint64(batch[idAt:])),
		epoch: int16(binary.BigEndian.Uint16(batch[epochAt:])),
	}
	return who, who.id >= 0
}

func refuse(req *kmsg.ProduceRequest, code *kerr.Error, why string) kmsg.Response {
	resp := req.ResponseKind().(*kmsg.ProduceResponse)
	for _, t := range req.Topics {
		rt := kmsg.NewProduceResponseTopic()
		rt.Topic, rt.TopicID = t.Topic, t.TopicID
		for _, p := range t.Partitions {
			rp := kmsg.NewProduceResponseTopicPartition()
			rp.Partition, rp.ErrorCode, rp.ErrorMessage = p.Partition, code.Code, &why
			rt.Partitions = append(rt.Partitions, rp)
		}
		resp.Topics = append(resp.Topics, rt)
	}
	if req.Acks == 0 {
		return nil
	}
	return resp
}

// Logf implements kfake's logger. A batch that could not be written is reported nowhere else.
func (g *guard) Logf(level kfake.LogLevel, format string, args ...any) {
	if strings.HasPrefix(format, "persist batch") {
		g.mu.Lock()
		for _, who := range g.current {
			g.tainted[who] = true
		}
		g.mu.Unlock()
	}
	at := slog.LevelDebug
	switch level {
	case kfake.LogLevelError:
		at = slog.LevelError
	case kfake.LogLevelWarn:
		at = slog.LevelWarn
	case kfake.LogLevelInfo, kfake.LogLevelDebug, kfake.LogLevelNone:
	}
	if ctx := context.Background(); g.log.Enabled(ctx, at) {
		g.log.Log(ctx, at, "embedded broker: "+fmt.Sprintf(format, args...))
	}
}

// touch notes that a partition is about to be written to, and opens its segment, so that the disk's errors from now on are seen.
func (g *guard) touch(tp string) {
	if g.dir == "" {
		return
	}
	t := g.files[tp]
	if t == nil {
		t = &touched{}
		g.files[tp] = t
	}
	t.at = g.now()
	if t.file == nil || t.at.Sub(t.seen) > time.Second {
		t.seen = t.at
		g.open(partitionDir(g.dir, tp), t)
	}
}

// open opens the newest segment of the partition, if it has one.
func (g *guard) open(dir string, t *touched) {
	bases, err := segmentBases(dir)
	if err != nil || len(bases) == 0 {
		return // nothing written yet
	}
	newest := bases[len(bases)-1]
	if t.file != nil && newest == t.base {
		return
	}
	f, err := os.Open(filepath.Join(dir, strconv.FormatInt(newest, 10)+".dat"))
	if err != nil {
		g.log.Warn("embedded broker: the disk's errors will not be seen", "dir", dir, "error", err)
		return
	}
	if t.file != nil {
		g.closeFile(t.file)
	}
	t.base, t.file = newest, f
}

// partitionDir is where kfake keeps a partition, given as TOPIC-NUMBER.
func partitionDir(dir, tp string) string {
	i := strings.LastIndexByte(tp, '-')
	return filepath.Join(dir, "partitions", url.PathEscape(tp[:i])+tp[i:])
}

func (g *guard) closeFile(f *os.File) {
	if err := f.Close(); err != nil {
		g.log.Warn("embedded broker: close", "file", f.Name(), "error", err)
	}
}

// confirm is called before the answer to a produce request goes out. Its error keeps it back.
func (g *guard) confirm() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.dir == "" || g.fatal != nil {
		return g.fatal
	}
	now := g.now()
	for tp, t := range g.files {
		if now.Sub(t.at) > watchFor {
			if t.file != nil {
				g.closeFile(t.file)
			}
			delete(g.files, tp)
			continue
		}
		if t.file == nil {
			continue
		}
		if err := g.check(t.file); err != nil {
			g.fatal = fmt.Errorf("embedded broker: the disk failed to keep %s: %w; nothing more is confirmed: check the disk, then start the broker anew", t.file.Name(), err)
			g.log.Error("embedded broker: refusing records", "error", g.fatal)
			return g.fatal
		}
	}
	return nil
}

func (g *guard) close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	var errs []error
	for _, t := range g.files {
		if t.file != nil {
			errs = append(errs, t.file.Close())
		}
	}
	clear(g.files)
	return errors.Join(errs...)
}
