package main

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kfake"
)

func serveBroker() error {
	c, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		return err
	}
	defer c.Close()
	fmt.Println(c.ListenAddrs()[0])
	return untilParentEnds()
}
