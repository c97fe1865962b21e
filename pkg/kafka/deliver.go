package kafka

import (
	"strconv"

	"github.com/ThreeDotsLabs/watermill/message"
)

// UndecodableKey is the metadata key under which [Undecodable] puts the error.
const UndecodableKey = "_kafka_undecodable"

// Undecodable is the default of [SubscriberConfig.OnUndecodable]: a message with the raw value as payload, the headers as metadata, and
// the error under [UndecodableKey]. The handler decides what becomes of it; acknowledged, it is passed.
func Undecodable(rec Record, err error) *message.Message {
	msg, _ := HeaderMarshaler{}.Unmarshal(rec) // never fails
	msg.Metadata[UndecodableKey] = err.Error()
	return msg
}

// prepare makes the message of an entry's next delivery; false where the entry is passed over.
func (s *subscription) prepare(e *entry) (ok bool) {
	msg := s.message(e)
	if msg == nil {
		return false
	}
	c := &messageContext{parent: s.ctx, e: e}
	if s.tracer != nil {
		s.trace(e, c)
	}
	e.msg, e.messageContext = msg, c
	msg.SetContext(c)
	return true
}

func (s *subscription) message(e *entry) *message.Message {
	if s.cfg.Batch > 1 {
		r := e.first()
		return message.NewMessage(r.Topic+"/"+strconv.Itoa(int(r.Partition))+"/"+strconv.FormatInt(r.Offset, 10), nil)
	}
	rec := fromClient(e.first())
	msg, err := s.cfg.Marshaler.Unmarshal(rec)
	if err != nil {
		s.meters.undecodable.Add(1)
		msg = s.cfg.OnUndecodable(rec, err)
	}
	return msg
}
