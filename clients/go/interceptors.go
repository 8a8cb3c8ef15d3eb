package keyway

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/propagation"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// defaultDeadlines sets the deadline of calls without one.
func defaultDeadlines(limit time.Duration) grpc.UnaryClientInterceptor {
	return func(
		ctx context.Context, method string, request, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption,
	) error {
		if _, has := ctx.Deadline(); !has && limit > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, limit)
			defer cancel()
		}
		return invoke(ctx, method, request, reply, cc, options...)
	}
}

// passTraceOn sends the W3C trace context of the OpenTelemetry span in the context, if any. It sends no baggage, which
// can contain any data.
func passTraceOn(
	ctx context.Context, method string, request, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption,
) error {
	return invoke(withTrace(ctx), method, request, reply, cc, options...)
}

func passTraceOnInStreams(
	ctx context.Context, description *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, options ...grpc.CallOption,
) (grpc.ClientStream, error) {
	return streamer(withTrace(ctx), description, cc, method, options...)
}

func withTrace(ctx context.Context) context.Context {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	if len(carrier) == 0 {
		return ctx
	}
	if outgoing, ok := metadata.FromOutgoingContext(ctx); ok && len(outgoing.Get("traceparent")) > 0 {
		return ctx // another instrumentation has set it
	}
	pairs := make([]string, 0, 2*len(carrier))
	for name, value := range carrier {
		pairs = append(pairs, name, value)
	}
	return metadata.AppendToOutgoingContext(ctx, pairs...)
}
