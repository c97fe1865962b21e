//go:build linux

package faults

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestClock sets the clock of a process that runs, forth and back: it sees another time, while the time that it waits by goes on.
func TestClock(t *testing.T) {
	const asked = "HOOKFOLD_FAULTS_CLOCK"
	if os.Getenv(asked) != "" { // this is the process
		began := time.Now()
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			fmt.Println("now", time.Now().Unix(), int(time.Since(began).Seconds()))
		}
		return
	}
	if err := canSetClocks(); err != nil {
		t.Skipf("clocks cannot be set here: %v", err)
	}
	runtime.LockOSThread() // who starts a traced process must let it go
	defer runtime.UnlockOSThread()
	cmd := exec.Command(os.Args[0], "-test.run=^TestClock$")
	cmd.Env = append(os.Environ(), asked+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Ptrace: true}
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	c := newClock()
	require.NoError(t, c.move(cmd.Process.Pid))

	said := bufio.NewScanner(out)
	for _, by := range []time.Duration{0, time.Hour, -time.Hour, 30 * time.Second, 0} {
		require.NoError(t, c.set(by))
		_, err := fmt.Fprintln(in)
		require.NoError(t, err)
		require.True(t, said.Scan())
		var unix, elapsed int64
		_, err = fmt.Sscanf(said.Text(), "now %d %d", &unix, &elapsed)
		require.NoError(t, err, said.Text())
		require.InDelta(t, time.Now().Add(by).Unix(), unix, 5)
		require.Less(t, elapsed, int64(20))
		require.GreaterOrEqual(t, elapsed, int64(0))
	}
	require.NoError(t, in.Close())
	for said.Scan() { //nolint:revive // the rest is the test's own report
	}
	require.NoError(t, cmd.Wait())
	require.NoError(t, c.set(time.Hour), "a process that has ended is no error")
}
