package projections

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hookfold/hookfold/pkg/lifecycle"
)

func TestRowsReadsEveryView(t *testing.T) {
	c := testConfig(t)
	store := open(t, c)
	_, err := store.Resume(t.Context(), []int32{0})
	require.NoError(t, err)
	for i, id := range []string{"t1", "t2"} {
		o := transfer("e"+id, "confirmed", i)
		o.Entity.ID = id
		require.NoError(t, store.Commit(t.Context(), Fact{Observations: []lifecycle.Observation{o}, Offset: int64(i), Prev: int64(i)}))
	}
	reader, err := OpenReader(c.Path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, reader.Close()) })
	rows := map[string][]map[string]any{}
	for _, view := range Views() {
		for row, err := range reader.Rows(t.Context(), view) {
			require.NoError(t, err, view)
			rows[view] = append(rows[view], row)
		}
	}
	require.Len(t, rows["payments"], 2)
	require.Len(t, rows["timeline"], 2)
	require.Empty(t, rows["accounts"])
	ids := map[any]bool{}
	for _, row := range rows["payments"] {
		ids[row["id"]] = true
		require.Equal(t, "succeeded", row["status"])
		require.Equal(t, int64(1050), row["amount"])
		require.Contains(t, row, "reference")
		require.Nil(t, row["reference"])
	}
	require.Len(t, ids, 2, "each row is a map of its own")
	for range reader.Rows(t.Context(), "payments") {
		break // what is left unread must not lock the store
	}
	for _, err := range reader.Rows(t.Context(), "entities; DROP TABLE meta") {
		require.ErrorContains(t, err, "there is no view")
	}
}
