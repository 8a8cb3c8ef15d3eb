package keyway

import (
	"context"
	"errors"
	"io"
	"iter"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	keywayv1 "keyway.dev/clients/go/keyway/v1"
)

const (
	firstReopenDelay   = 100 * time.Millisecond
	longestReopenDelay = 10 * time.Second
)

// WatchCertificates iterates over the events of certificates. The iteration has no end: if the stream is interrupted, the
// client opens it again, and leaves out the events that say nothing new. SYNCED comes when the client has all changes, so
// also after each interruption.
//
// An error before the first event ends the iteration. So does a later error that a new stream cannot repair, such as
// PERMISSION_DENIED, and the end of ctx. With grpc.WaitForReady(true), the first stream waits for the gateway.
//
// To continue in another process, store the resume token of SYNCED or of a later event, and pass it in the request.
func (c *Client) WatchCertificates(
	ctx context.Context, request *keywayv1.WatchCertificatesRequest, options ...grpc.CallOption,
) iter.Seq2[*keywayv1.WatchCertificatesResponse, error] {
	return func(yield func(*keywayv1.WatchCertificatesResponse, error) bool) {
		watch := certificateWatch{
			open: func(ctx context.Context, token string) (eventStream, error) {
				next := onPage(request, func(r *keywayv1.WatchCertificatesRequest) { r.ResumeToken = token })
				return c.Certificates.WatchCertificates(ctx, next, options...)
			},
			changes: newCertificateChanges(request.GetResumeToken()),
			delay:   firstReopenDelay,
		}
		if err := watch.run(ctx, func(event *keywayv1.WatchCertificatesResponse) bool { return yield(event, nil) }); err != nil {
			yield(nil, err)
		}
	}
}

type (
	eventStream = grpc.ServerStreamingClient[keywayv1.WatchCertificatesResponse]
	deliver     = func(*keywayv1.WatchCertificatesResponse) bool
)

// errStopped means that the caller left the loop.
var errStopped = errors.New("stopped")

// certificateWatch is one iteration, over many streams.
type certificateWatch struct {
	open    func(ctx context.Context, token string) (eventStream, error)
	changes *certificateChanges
	// began: any stream had an event.
	began bool
	delay time.Duration
}

// run returns nil when the caller leaves the loop.
func (w *certificateWatch) run(ctx context.Context, deliver deliver) error {
	for {
		received, err := w.readStream(ctx, deliver)
		if errors.Is(err, errStopped) {
			return nil
		}
		failure := FromError(err)
		if failure != nil && (!w.began || ctx.Err() != nil || !canReopen(failure, received)) {
			return failure
		}
		if err := w.wait(ctx, failure); err != nil {
			return err
		}
	}
}

// readStream delivers the events of one stream. It returns whether the stream had an event, and its error; nil if the
// gateway ended the stream without an error.
func (w *certificateWatch) readStream(ctx context.Context, deliver deliver) (received bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := w.open(ctx, w.changes.begin())
	for err == nil {
		var event *keywayv1.WatchCertificatesResponse
		if event, err = stream.Recv(); err != nil {
			break
		}
		received, w.began, w.delay = true, true, firstReopenDelay
		for _, news := range w.changes.add(event) {
			if !deliver(news) {
				return received, errStopped
			}
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return received, err
}

// wait returns after the delay before the next stream, which doubles until an event is received. failure: of the last
// stream, or nil.
func (w *certificateWatch) wait(ctx context.Context, failure *Error) error {
	delay := time.Duration(float64(w.delay) * (0.5 + rand.Float64()/2))
	w.delay = min(2*w.delay, longestReopenDelay)
	if failure != nil && failure.RetryDelay > delay {
		delay = time.Duration(float64(failure.RetryDelay) * (1 + rand.Float64()/5))
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return FromError(ctx.Err())
	}
}

// canReopen reports whether a new stream can repair the failure of a stream. received: the stream had an event.
func canReopen(failure *Error, received bool) bool {
	if failure.Code == codes.Unavailable || failure.Retryable {
		return true
	}
	switch failure.Code {
	case codes.Unauthenticated: // the credential has expired; the next stream sends a new one
		return received
	case codes.Internal, codes.Unknown, codes.Canceled: // without a reason: a proxy has interrupted the stream
		return received && failure.Reason == ""
	default:
		return false
	}
}
