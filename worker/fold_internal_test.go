package worker

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/stretchr/testify/require"
)

// A burst that failed is one line of the log, not one for each of its records; what nobody has logged is said.
func TestRouterDoesNotRepeatWhatWasLogged(t *testing.T) {
	var out bytes.Buffer
	log := routerLog{watermill.NewSlogLogger(slog.New(slog.NewTextHandler(&out, nil)))}
	log.With(nil).Error("a handler failed", fmt.Errorf("folding: %w", notCommitted{errors.New("the disk is full")}), nil)
	log.Error("a handler failed", notCommitted{errors.New("the store is closed")}, nil)
	require.Empty(t, out.String())
	log.Error("a handler failed", errors.New("a message without a position"), nil)
	require.Contains(t, out.String(), "a message without a position")
}
