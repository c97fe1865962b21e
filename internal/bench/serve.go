package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/hookfold/hookfold/pkg/kafka/embedded"
)

// serveBroker is the embedded broker as `hookfold up` has it: on a folder, with synced writes.
func serveBroker() error {
	if len(os.Args) < 3 {
		return errors.New("broker: name the folder that keeps the log")
	}
	b, err := embedded.Start(embedded.Config{Dir: os.Args[2]})
	if err != nil {
		return err
	}
	fmt.Println(b.Addrs()[0])
	return errors.Join(untilParentEnds(), b.Close())
}
