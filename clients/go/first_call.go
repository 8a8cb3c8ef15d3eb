package keyway

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
)

const loopbackTimeout = 200 * time.Millisecond

// firstCall fails calls immediately while no program listens on the loopback addresses. gRPC would retry them for more
// than a second. Once a program listens, gRPC handles failures, because the gateway can be restarting.
type firstCall struct {
	addresses []string
	found     atomic.Bool
}

// newFirstCall does not check other addresses, or clients with gRPC options, which can replace the network.
func newFirstCall(address string, settings *settings) *firstCall {
	f := &firstCall{}
	if len(settings.dialOptions) == 0 && isLocal(address) && !strings.HasPrefix(address, "unix") {
		f.addresses = split(withoutScheme(address))
	}
	f.found.Store(len(f.addresses) == 0)
	return f
}

func (f *firstCall) check(
	ctx context.Context, method string, request, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption,
) error {
	if err := f.refused(ctx, options); err != nil {
		return err
	}
	return invoke(ctx, method, request, reply, cc, options...)
}

func (f *firstCall) checkStream(
	ctx context.Context, description *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, options ...grpc.CallOption,
) (grpc.ClientStream, error) {
	if err := f.refused(ctx, options); err != nil {
		return nil, err
	}
	return streamer(ctx, description, cc, method, options...)
}

// refused returns the error of a call if all addresses refuse connections.
func (f *firstCall) refused(ctx context.Context, options []grpc.CallOption) error {
	if f.found.Load() || waits(options) {
		return nil
	}
	if refusal := f.refusal(ctx); refusal != nil {
		return &Error{
			Code: codes.Unavailable, Problem: ProblemRefused, Message: ProblemRefused.Sentence(), cause: refusal,
		}
	}
	f.found.Store(true)
	return nil
}

// refusal returns the error of the last address if all addresses refuse connections.
func (f *firstCall) refusal(ctx context.Context) (last error) {
	dialer := net.Dialer{Timeout: loopbackTimeout}
	for _, address := range f.addresses {
		connection, err := dialer.DialContext(ctx, "tcp", address)
		if err == nil {
			_ = connection.Close()
			return nil
		}
		if !errors.Is(err, syscall.ECONNREFUSED) {
			return nil
		}
		last = err
	}
	return last
}

// waits reports whether a call waits for the gateway.
func waits(options []grpc.CallOption) (wait bool) {
	for _, option := range options {
		if ready, ok := option.(grpc.FailFastCallOption); ok {
			wait = !ready.FailFast
		}
	}
	return wait
}
