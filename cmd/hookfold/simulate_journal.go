package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/hookfold/hookfold/pkg/simulator"
)

// entry is an attempt as it stands in the journal. Who makes the plan of the same seed again finds in it the delivery by its number.
type entry struct {
	Delivery int `json:"delivery"`
	Try      int `json:"try"`
	// At is when the attempt was made, by this machine's clock.
	At time.Time `json:"at"`
	// Status is the HTTP status, 0 where there was no answer.
	Status int `json:"status"`
	// Fault is what was wrong with the delivery, empty for nothing.
	Fault simulator.Fault `json:"fault,omitempty"`
}

// journal writes what became of each attempt, in the order of the answers. Nil writes nothing.
type journal struct {
	file *os.File
	err  error // the first one
}

func openJournal(path string) (*journal, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // no journal is asked for
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the journal: %w; choose another file with --journal", err)
	}
	return &journal{file: f}, nil
}

// note writes one attempt; each is in the file before the next one is.
func (j *journal) note(a *simulator.Attempt) {
	if j == nil || j.err != nil {
		return
	}
	line, err := json.Marshal(entry{a.Delivery.Number, a.Try, a.Began, a.Status, a.Delivery.Fault})
	if err == nil {
		_, err = j.file.Write(append(line, '\n'))
	}
	j.err = err
}

func (j *journal) close() error {
	if j == nil {
		return nil
	}
	if err := errors.Join(j.err, j.file.Close()); err != nil {
		return fmt.Errorf("the journal: %w", err)
	}
	return nil
}
