package containers_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// compose is docker-compose.yml under a project name of its own.
type compose struct {
	t       *testing.T
	project string
}

// run carries out a Compose command; what it prints to stdout is returned.
func (c *compose) run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "docker", append([]string{"compose", "-p", c.project, "--progress", "plain", "--profile", "simulator"}, args...)...)
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "HOOKFOLD_PORT=0", "HOOKFOLD_ADMIN_PORT=0", "HOOKFOLD_SIMULATE_DURATION=30s")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if err != nil {
		err = fmt.Errorf("docker compose %s: %w\n%s\n%s", strings.Join(args, " "), err, tail(out.String()), tail(errs.String()))
	}
	return out.String(), err
}

func (c *compose) must(ctx context.Context, args ...string) string {
	c.t.Helper()
	out, err := c.run(ctx, args...)
	require.NoError(c.t, err)
	return out
}

func tail(s string) string { return s[max(0, len(s)-4000):] }

// TestCompose is a user's first hour: everything is brought up from the repository, the providers are played, three workers
// share the store and one of them is killed, sqlite3 reads the store throughout, and the auditor is content.
func TestCompose(t *testing.T) {
	engine(t)
	if err := exec.Command("docker", "compose", "version").Run(); err != nil {
		t.Skip(`needs Compose as a plugin of docker: eval "$(.ci/docker)" brings it`)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	c := &compose{t, fmt.Sprintf("hookfold-test-%d", os.Getpid())}
	t.Cleanup(func() {
		if _, err := c.run(context.WithoutCancel(ctx), "down", "--volumes", "--timeout", "12"); err != nil {
			t.Error(err)
		}
	})
	c.must(ctx, "up", "--build", "--wait", "--scale", "worker=3", "setup", "kafka", "ingest", "worker")

	played := make(chan error, 1)
	go func() {
		_, err := c.run(ctx, "run", "--rm", "--use-aliases", "simulator")
		played <- err
	}()
	// The second worker is killed when there is something to lose; Compose brings back what dies by itself, not what is killed.
	killed := false
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	last, looks := 0, 0
	for done := false; !done; {
		select {
		case err := <-played:
			require.NoError(t, err, "the auditor's verdict")
			done = true
		case <-tick.C:
		}
		out, err := c.run(ctx, "exec", "-T", "--index", "1", "worker", "sqlite3", "-readonly", "/data/projections.db", "SELECT count(*) FROM timeline; PRAGMA quick_check")
		require.NoError(t, err)
		var n int
		var check string
		_, err = fmt.Sscan(out, &n, &check)
		require.NoError(t, err, out)
		require.Equal(t, "ok", check)
		require.GreaterOrEqual(t, n, last, "the timeline never shrinks")
		last = n
		looks++
		if n > 100 && !killed {
			killed = true
			c.killWorker(ctx)
		}
	}
	require.True(t, killed, "the play was over before a worker could be killed")
	t.Logf("%d rows in the timeline, sqlite3 read the store %d times", last, looks)
}

// killWorker kills the container of one worker of three.
func (c *compose) killWorker(ctx context.Context) {
	c.t.Helper()
	name := c.project + "-worker-2"
	out, err := exec.CommandContext(ctx, "docker", "kill", "--signal", "KILL", name).CombinedOutput()
	require.NoError(c.t, err, "%s", out)
}
