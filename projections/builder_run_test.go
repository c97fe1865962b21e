package projections

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestRunsAreReadAsTheyWereWritten: through any reader's memory, records that are larger than it among them. What is cut off
// is damaged, and not the run's end.
func TestRunsAreReadAsTheyWereWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "1.run")
	rapid.Check(t, func(t *rapid.T) {
		var records []record
		for i, n := range rapid.SliceOfN(rapid.OneOf(rapid.IntRange(0, 300), rapid.IntRange(0, 40_000)), 1, 40).Draw(t, "sizes") {
			o := transfer("p", "processing", i)
			summary := bytes.Repeat([]byte{byte(i)}, n)
			records = append(records, appendRecord(nil, 1, "acme", &o, Position{1, int64(i)}, func(b []byte) []byte { return append(b, summary...) }))
		}
		left := slices.Clone(records)
		require.NoError(t, writeRun(t.Context(), path, func() (record, error) {
			if len(left) == 0 {
				return nil, nil
			}
			r := left[0]
			left = left[1:]
			return r, nil
		}))
		buffer := rapid.SampledFrom([]int{16, 64, 1 << 10, 16 << 10, 1 << 20}).Draw(t, "buffer")
		read := func() (n int, err error) {
			s, err := openRun(path, buffer)
			require.NoError(t, err)
			defer func() { require.NoError(t, s.Close()) }()
			for {
				r, err := s.next()
				if err != nil || r == nil {
					return n, err
				}
				require.Equal(t, records[n], r)
				n++
			}
		}
		n, err := read()
		require.NoError(t, err)
		require.Len(t, records, n)
		last := len(records[len(records)-1])
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.NoError(t, os.Truncate(path, info.Size()-int64(rapid.IntRange(1, last-1).Draw(t, "cut"))))
		n, err = read()
		require.ErrorIs(t, err, errDamagedRun)
		require.Equal(t, len(records)-1, n)
	})
}

// TestTimesOfAPortion are texts of their own, however many come after them.
func TestTimesOfAPortion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p portion
		var got, want []string
		for range rapid.IntRange(1, 200).Draw(t, "n") {
			o := rapid.Custom(drawObservation).Draw(t, "observation")
			got, want = append(got, p.time(o.Occurred), p.time(o.Recorded)), append(want, text(nullTime(o.Occurred)), formatTime(o.Recorded))
		}
		require.Equal(t, want, got)
	})
}
