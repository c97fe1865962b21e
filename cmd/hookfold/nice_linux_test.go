package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestGiveWayChild is no test: it is the process that TestEveryThreadGivesWay looks at.
func TestGiveWayChild(t *testing.T) {
	if os.Getenv("HOOKFOLD_TEST_NICE") == "" {
		t.Skip("only as a child")
	}
	require.NoError(t, giveWay(19))
	blocked := make(chan *os.File)
	for range 20 { // a blocking read each, so that threads are made
		go func() {
			r, w, err := os.Pipe()
			if err != nil {
				panic(err)
			}
			r.Fd() // makes it blocking
			blocked <- w
			r.Read(make([]byte, 1))
		}()
	}
	for range 20 {
		w := <-blocked
		defer w.Close()
	}
	require.NoError(t, giveWay(19))
	threads, err := os.ReadDir("/proc/self/task")
	require.NoError(t, err)
	for _, thread := range threads {
		stat, err := os.ReadFile("/proc/self/task/" + thread.Name() + "/stat")
		require.NoError(t, err)
		fields := strings.Fields(string(stat)[strings.LastIndex(string(stat), ")"):])
		fmt.Println("nice", fields[17])
	}
}

// TestEveryThreadGivesWay: those that are there, and those that are made later.
func TestEveryThreadGivesWay(t *testing.T) {
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestGiveWayChild$", "-test.v")
	child.Env = append(os.Environ(), "HOOKFOLD_TEST_NICE=1")
	out, err := child.CombinedOutput()
	require.NoError(t, err, "%s", out)
	all, polite := strings.Count(string(out), "nice "), strings.Count(string(out), "nice 19\n")
	require.Greater(t, all, 10, "%s", out)
	require.Equal(t, all, polite, "%s", out)
}
