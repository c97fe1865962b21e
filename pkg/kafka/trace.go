package kafka

import (
	"context"
	"slices"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
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

// trace opens a span for each record of a delivery; it ends with the acknowledgement, as an error when that is a nack. The context of several
// records has the first one's.
func (s *subscription) trace(e *entry, c *messageContext) {
	spans := make([]trace.Span, len(e.recs))
	for i, r := range slices.Backward(e.recs) {
		var ctx context.Context
		ctx, spans[i] = s.tracer.WithProcessSpan(r)
		c.parent = spanned{Context: s.ctx, values: ctx}
	}
	c.span = func(acked bool) {
		for _, span := range spans {
			if !acked {
				span.SetStatus(codes.Error, "not acknowledged")
			}
			span.End()
		}
	}
}
