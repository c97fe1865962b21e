package provider_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/hookfold/hookfold/pkg/provider"
)

func TestParseBody(t *testing.T) {
	deep := strings.Repeat("[", 129) + strings.Repeat("]", 129)
	for body, text := range map[string]string{
		"":                                 "empty",
		"\xff{}":                           "UTF-8",
		"{":                                "not JSON",
		"{} x":                             "not JSON",
		"[]":                               "not an object",
		`{"a":` + deep + `}`:               "deeper",
		strings.Repeat("[", 1<<20):         "deeper",
		strings.Repeat(`{"a":`, 200) + "1": "deeper",
	} {
		_, err := provider.ParseBody([]byte(body))
		parked := new(provider.Parked)
		require.True(t, errors.As(err, &parked), "%.20q: %v", body, err)
		require.Equal(t, provider.ParkedBody, parked.Reason)
		require.ErrorContains(t, err, text)
	}
	r, err := provider.ParseBody([]byte(`{"a":"` + strings.Repeat("[{", 500) + `"}`))
	require.NoError(t, err, "brackets in a string are not depth")
	require.True(t, r.IsObject())
}

// What ParseBody takes, encoding/json takes for an object, and the other way round but for depth.
func FuzzParseBody(f *testing.F) {
	f.Add([]byte(`{"a":[1,"\u0000",{"b":null}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		_, err := provider.ParseBody(body)
		var m map[string]json.RawMessage
		if err == nil && json.Unmarshal(body, &m) != nil {
			t.Fatal("taken, but it is not a JSON object")
		}
	})
}

func TestParseDecimal(t *testing.T) {
	for text, want := range map[string]int64{"12.12": 1212, "100.0": 10000, "10": 1000, "0.15": 15, "-0.5": -50, "1.500": 150, "0": 0} {
		n, ok := provider.ParseDecimal(text, 2)
		require.True(t, ok, text)
		require.Equal(t, want, n, text)
	}
	for _, text := range []string{"", ".", "-", "-.5", "1e3", "0.001", "1.2.3", "abc", "99999999999999999999", "1,5", "+1", " 1"} {
		_, ok := provider.ParseDecimal(text, 2)
		require.False(t, ok, text)
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(-1<<53, 1<<53).Draw(t, "n")
		sign, abs := "", n
		if n < 0 {
			sign, abs = "-", -n
		}
		got, ok := provider.ParseDecimal(fmt.Sprintf("%s%d.%02d", sign, abs/100, abs%100), 2)
		if !ok || got != n {
			t.Fatalf("%d became %d, %v", n, got, ok)
		}
	})
}
