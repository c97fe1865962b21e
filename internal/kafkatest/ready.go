package kafkatest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

var errExited = errors.New("the process ended")

// ready asks the broker until it is in the cluster and coordinates groups. It speaks the protocol
// by hand, so that it shares no client with what is tested.
func ready(addr string, exited <-chan struct{}, limit time.Duration) error {
	end := time.Now().Add(limit)
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		err := probe(addr)
		if err == nil {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("after %v: %w", limit, err)
		}
		select {
		case <-exited:
			return errExited
		case <-again.C:
		}
	}
}

func probe(addr string) error {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // nothing is left to lose
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return err
	}

	// Versions before the flexible ones, whose headers are four bytes and a client's name.
	meta := kmsg.NewPtrMetadataRequest()
	meta.Version = 1
	meta.Topics = []kmsg.MetadataRequestTopic{}
	m, err := ask(conn, meta)
	if err != nil {
		return err
	}
	if n := len(m.(*kmsg.MetadataResponse).Brokers); n == 0 {
		return errors.New("no broker has registered yet")
	}

	// The first question makes the broker create the topic of offsets.
	find := kmsg.NewPtrFindCoordinatorRequest()
	find.Version = 1
	find.CoordinatorKey = "kafkatest"
	f, err := ask(conn, find)
	if err != nil {
		return err
	}
	if err := kerr.ErrorForCode(f.(*kmsg.FindCoordinatorResponse).ErrorCode); err != nil {
		return fmt.Errorf("find the group coordinator: %w", err)
	}

	// A coordinator can be named before it has loaded; reading a group's offsets shows that it has.
	offsets := kmsg.NewPtrOffsetFetchRequest()
	offsets.Version = 2
	offsets.Group = "kafkatest"
	o, err := ask(conn, offsets)
	if err != nil {
		return err
	}
	if err := kerr.ErrorForCode(o.(*kmsg.OffsetFetchResponse).ErrorCode); err != nil {
		return fmt.Errorf("read a group's offsets: %w", err)
	}
	return nil
}

func ask(conn net.Conn, req kmsg.Request) (kmsg.Response, error) {
	if _, err := conn.Write(kmsg.NewRequestFormatter(kmsg.FormatterClientID("kafkatest")).AppendRequest(nil, req, 1)); err != nil {
		return nil, err
	}
	var head [8]byte // length, correlation id
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(head[:4])
	if size < 4 || size > 1<<20 {
		return nil, fmt.Errorf("an answer of %d bytes is no answer of Kafka", size)
	}
	body := make([]byte, size-4)
	if _, err := io.ReadFull(conn, body); err != nil {
		return nil, err
	}
	resp := req.ResponseKind()
	return resp, resp.ReadFrom(body)
}
