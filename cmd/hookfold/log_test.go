package main

import (
	"os"
	"testing"

	"github.com/hookfold/hookfold/internal/config"
)

// TestBrokersOfUpAndOfKafka: the setting brokers is hookfold up's own address where that is what up listened on; else it
// is a Kafka, although the data directory still holds a log from before the move.
func TestBrokersOfUpAndOfKafka(t *testing.T) {
	for _, test := range []struct {
		last, brokers string
		want          bool
	}{
		{"127.0.0.1:9092", "127.0.0.1:9092", true},
		{"127.0.0.1:9092", "localhost:9092", true},
		{"127.0.0.1:40123", "127.0.0.1:0", true},
		{"[::1]:9092", "[::]:9092", true},
		{"127.0.0.1:9092", "127.0.0.1:9093", false},
		{"127.0.0.1:9092", "kafka:9092", false},
		{"192.0.2.7:9092", "127.0.0.1:9092", false},
		{"192.0.2.7:9092", "192.0.2.7:9092", true},
		{"", "127.0.0.1:9092", false},
	} {
		c := &config.Config{Data: t.TempDir(), Brokers: []string{test.brokers}}
		if test.last != "" {
			if err := os.WriteFile(addressFile(c), []byte(test.last+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := listensThere(c); got != test.want {
			t.Errorf("up listened on %q, brokers %q: up's own %t, want %t", test.last, test.brokers, got, test.want)
		}
	}
}
