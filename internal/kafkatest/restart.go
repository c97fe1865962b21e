package kafkatest

import (
	"net"
	"testing"
)

// RestartCommand returns a command that calls restart in this process and succeeds if it did: each
// run of the command is one connection to a port that the test listens on until it ends. It needs
// bash. Restarts never overlap.
func RestartCommand(tb testing.TB, restart func() error) []string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("kafkatest: listen for restarts: %v", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return // closed: the test is over
			}
			answer := "ok\n"
			if err := restart(); err != nil {
				answer = "failed\n"
				tb.Errorf("kafkatest: restart: %v", err)
			}
			conn.Write([]byte(answer)) //nolint:errcheck // the command then sees no ok and fails
			conn.Close()               //nolint:errcheck // as above
		}
	}()
	tb.Cleanup(func() {
		l.Close() //nolint:errcheck // it only ends the loop above
		<-done
	})
	host, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		tb.Fatalf("kafkatest: listen for restarts: %v", err)
	}
	return []string{"bash", "-c", `exec 3<>"/dev/tcp/$0/$1" && read -r answer <&3 && [ "$answer" = ok ]`, host, port}
}
