package kafka

import (
	"context"

	"go.opentelemetry.io/otel/codes"
)

// spanned takes values, the span among them, from the record's context, and everything else from the subscription's.
type spanned struct {
	context.Context
	values context.Context
}

func (c spanned) Value(key any) any {
	if v := c.values.Value(key); v != nil {
		return v
	}
	return c.Context.Value(key)
}

// trace opens a span for one delivery; it ends with the acknowledgement, as an error when that is a nack.
func (s *subscription) trace(e *entry, c *messageContext) {
	ctx, span := s.tracer.WithProcessSpan(e.rec)
	c.parent = spanned{Context: s.ctx, values: ctx}
	c.span = func(acked bool) {
		if !acked {
			span.SetStatus(codes.Error, "not acknowledged")
		}
		span.End()
	}
}
