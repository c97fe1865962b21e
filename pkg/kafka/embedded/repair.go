package embedded

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// repair readies the partitions of a broker that was killed. kfake would read such a partition into memory as a whole to
// find its end; here only the batches' headers are read, and the body of the last segment, and what was found is left to kfake as the
// snapshot that a clean stop leaves. A batch that was cut off by the death was never confirmed and goes; index files that
// do not fit go too, since kfake does without them.
func repair(dir string, log *slog.Logger) error {
	parts, err := os.ReadDir(filepath.Join(dir, "partitions"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("embedded broker: %w", err)
	}
	for _, p := range parts {
		if err := repairPartition(filepath.Join(dir, "partitions", p.Name()), log); err != nil {
			return fmt.Errorf("embedded broker: %w", err)
		}
	}
	return nil
}

// snapshot is kfake's snapshot.json, version 1.
type snapshot struct {
	Version          int               `json:"version"`
	HighWatermark    int64             `json:"high_watermark"`
	LastStableOffset int64             `json:"last_stable_offset"`
	LogStartOffset   int64             `json:"log_start_offset"`
	Epoch            int32             `json:"epoch"`
	LeaderNode       int32             `json:"leader_node,omitempty"`
	MaxTimestamp     int64             `json:"max_timestamp"`
	CreatedAt        json.RawMessage   `json:"created_at,omitempty"`
	AbortedTxns      []json.RawMessage `json:"aborted_txns,omitempty"`
	Segments         []segment         `json:"segments"`
}

type segment struct {
	BaseOffset int64 `json:"base_offset"`
	Size       int64 `json:"size"`
	MinEpoch   int32 `json:"min_epoch,omitempty"`
	MaxEpoch   int32 `json:"max_epoch,omitempty"`
}

// batch is what a record batch's header says.
type batch struct {
	base, last, maxTime int64
	size                int64 // with the header
	epoch               int32
	transactional       bool
}

const headerSize = 61

func repairPartition(dir string, log *slog.Logger) error {
	bases, err := segmentBases(dir)
	if err != nil || len(bases) == 0 {
		return err
	}
	snap, stale, err := readSnapshot(dir, bases)
	if err != nil || !stale {
		return err
	}
	next := snapshot{Version: 1, LogStartOffset: max(snap.LogStartOffset, bases[0]), CreatedAt: snap.CreatedAt}
	for i, base := range bases {
		path := filepath.Join(dir, strconv.FormatInt(base, 10)+".dat")
		batches, size, err := scan(path, i == len(bases)-1, log)
		if err != nil {
			return err
		}
		if err := dropTornIndex(strings.TrimSuffix(path, ".dat")+".idx", batches); err != nil {
			return err
		}
		seg := segment{BaseOffset: base, Size: size}
		for j, b := range batches {
			if b.transactional {
				return nil // which transactions ended how is for kfake to find out, by reading it all
			}
			if j == 0 || b.epoch < seg.MinEpoch {
				seg.MinEpoch = b.epoch
			}
			seg.MaxEpoch = max(seg.MaxEpoch, b.epoch)
			next.HighWatermark, next.Epoch = b.last+1, b.epoch
			next.MaxTimestamp = max(next.MaxTimestamp, b.maxTime)
		}
		next.Segments = append(next.Segments, seg)
	}
	next.LastStableOffset = next.HighWatermark
	if next.CreatedAt == nil {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		if next.CreatedAt, err = json.Marshal(info.ModTime()); err != nil {
			return err
		}
	}
	log.Info("embedded broker: took up a partition after a crash", "dir", dir, "end", next.HighWatermark)
	return writeSnapshot(dir, next)
}

func segmentBases(dir string) ([]int64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var bases []int64
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".dat"); ok {
			if base, err := strconv.ParseInt(name, 10, 64); err == nil {
				bases = append(bases, base)
			}
		}
	}
	slices.Sort(bases)
	return bases, nil
}

// readSnapshot gives the last clean stop's snapshot and whether the segments have changed since.
func readSnapshot(dir string, bases []int64) (snap snapshot, stale bool, err error) {
	raw, err := os.ReadFile(filepath.Join(dir, "snapshot.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return snap, true, nil
	}
	if err != nil {
		return snap, false, err
	}
	if json.Unmarshal(raw, &snap) != nil {
		return snapshot{}, true, nil // cut off by a crash: made anew from the segments
	}
	if len(snap.Segments) != len(bases) {
		return snap, true, nil
	}
	for i, base := range bases {
		info, err := os.Stat(filepath.Join(dir, strconv.FormatInt(base, 10)+".dat"))
		if err != nil {
			return snap, false, err
		}
		if snap.Segments[i].BaseOffset != base || snap.Segments[i].Size != info.Size() {
			return snap, true, nil
		}
	}
	return snap, false, nil
}

// scan reads the headers of a segment's batches. In the last segment, where a crash leaves its mark, it checks the bodies too, and cuts
// off what does not end in a whole batch.
func scan(path string, last bool, log *slog.Logger) (batches []batch, size int64, err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	head := make([]byte, headerSize)
	var at int64
	for at < info.Size() {
		if _, err := f.ReadAt(head, at); err != nil && !errors.Is(err, io.EOF) {
			return nil, 0, err
		}
		b, ok := decode(head, info.Size()-at)
		if ok && last {
			body := make([]byte, b.size)
			if _, err := f.ReadAt(body, at); err != nil {
				return nil, 0, err
			}
			ok = binary.BigEndian.Uint32(body[17:]) == crc32.Checksum(body[21:], crc32.MakeTable(crc32.Castagnoli))
			if !ok && followed(f, at+b.size, info.Size(), b.last+1) {
				return nil, 0, damaged(path, at, info.Size())
			}
		}
		if !ok {
			break
		}
		batches = append(batches, b)
		at += b.size
	}
	if at == info.Size() {
		return batches, at, nil
	}
	if !last {
		return nil, 0, damaged(path, at, info.Size())
	}
	log.Warn("embedded broker: cut off a batch that was being written when the process died; it was not confirmed", "file", path, "bytes", info.Size()-at)
	if err := f.Truncate(at); err != nil {
		return nil, 0, err
	}
	return batches, at, f.Sync()
}

// followed says whether the batch of the next offset begins at a place: then what comes before was not cut off by a crash.
func followed(f *os.File, at, size, offset int64) bool {
	head := make([]byte, headerSize)
	if _, err := f.ReadAt(head, at); err != nil {
		return false
	}
	b, ok := decode(head, size-at)
	return ok && b.base == offset
}

func damaged(path string, at, size int64) error {
	return fmt.Errorf("%s is damaged at byte %d of %d, before later records: restore it from a copy, or cut it there by hand to give up what follows in it", path, at, size)
}

// decode reads a record batch's header; left is what the file holds from there.
func decode(head []byte, left int64) (b batch, ok bool) {
	b.size = int64(int32(binary.BigEndian.Uint32(head[8:]))) + 12
	if left < headerSize || b.size < headerSize || b.size > left || head[16] != 2 {
		return b, false
	}
	b.base = int64(binary.BigEndian.Uint64(head))
	b.last = b.base + int64(int32(binary.BigEndian.Uint32(head[23:])))
	b.maxTime = int64(binary.BigEndian.Uint64(head[35:]))
	b.epoch = int32(binary.BigEndian.Uint32(head[12:]))
	b.transactional = binary.BigEndian.Uint16(head[21:])&(0x10|0x20) != 0
	return b, b.last >= b.base
}

// dropTornIndex removes an index whose entries do not match the batches: kfake would read all that follow a torn one wrongly.
func dropTornIndex(path string, batches []batch) error {
	const entrySize = 15
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	fits := len(raw) >= len(batches)*entrySize
	for i := 0; fits && i < len(batches); i++ {
		e := raw[i*entrySize : (i+1)*entrySize]
		fits = byte(crc32.Checksum(e[2:], crc32.MakeTable(crc32.Castagnoli))) == e[1] &&
			int32(binary.LittleEndian.Uint32(e[2:])) == batches[i].epoch
	}
	if fits {
		return nil
	}
	return os.Remove(path)
}

func writeSnapshot(dir string, snap snapshot) error {
	raw, err := json.Marshal(snap)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "snapshot.json")
	if err := os.WriteFile(path+".tmp", raw, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}
