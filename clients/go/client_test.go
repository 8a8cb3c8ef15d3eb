package keyway_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	keyway "keyway.dev/clients/go"
	keywayv1 "keyway.dev/clients/go/keyway/v1"
)

func TestLargeCallIsRetried(t *testing.T) {
	g := &gateway{}
	g.encrypt = func(context.Context, *keywayv1.EncryptRequest) (*keywayv1.EncryptResponse, error) {
		if g.calls.Load() == 1 {
			return nil, status.Error(codes.Unavailable, "later")
		}
		return &keywayv1.EncryptResponse{}, nil
	}
	g.serve(t, grpc.MaxRecvMsgSize(32<<20))
	large := &keywayv1.EncryptRequest{Plaintext: make([]byte, 16_000_000)}
	if _, err := dial(t, g.address, keyway.WithPlaintext()).Keys.Encrypt(t.Context(), large); err != nil || g.calls.Load() != 2 {
		t.Errorf("%d calls, %v", g.calls.Load(), err)
	}
}

func TestDefaultDeadlineApplies(t *testing.T) {
	var left time.Duration
	g := &gateway{encrypt: func(ctx context.Context, _ *keywayv1.EncryptRequest) (*keywayv1.EncryptResponse, error) {
		left = 0
		if deadline, has := ctx.Deadline(); has {
			left = time.Until(deadline)
		}
		return &keywayv1.EncryptResponse{}, nil
	}}
	g.serve(t)
	within := func(low, high time.Duration) {
		t.Helper()
		if left < low || left > high {
			t.Errorf("%v left, not %v to %v", left, low, high)
		}
	}
	for _, expected := range []struct {
		options   []keyway.Option
		low, high time.Duration
	}{
		{nil, 25 * time.Second, 30 * time.Second},
		{[]keyway.Option{keyway.WithDefaultDeadline(time.Minute)}, 55 * time.Second, time.Minute},
		{[]keyway.Option{keyway.WithDefaultDeadline(0)}, 0, 0},
	} {
		client := dial(t, g.address, append(expected.options, keyway.WithPlaintext())...)
		if err := encrypt(t, client); err != nil {
			t.Fatal(err)
		}
		within(expected.low, expected.high)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if _, err := dial(t, g.address, keyway.WithPlaintext()).Keys.Encrypt(ctx, &keywayv1.EncryptRequest{}); err != nil {
		t.Fatal(err)
	}
	within(time.Second, 3*time.Second)
}

func TestOnlyIdempotentCallsAreRetried(t *testing.T) {
	unavailable := status.Error(codes.Unavailable, "a moment, please")
	g := &gateway{remove: func() error { return unavailable }}
	g.encrypt = func(context.Context, *keywayv1.EncryptRequest) (*keywayv1.EncryptResponse, error) {
		if g.calls.Load() < 3 {
			return nil, unavailable
		}
		return &keywayv1.EncryptResponse{}, nil
	}
	g.serve(t)
	client := dial(t, g.address, keyway.WithPlaintext())
	if err := encrypt(t, client); err != nil || g.calls.Load() != 3 {
		t.Errorf("Encrypt: %d calls, %v", g.calls.Load(), err)
	}
	g.calls.Store(0)
	_, err := client.Certificates.DeleteCertificate(t.Context(), &keywayv1.DeleteCertificateRequest{})
	if status.Code(err) != codes.Unavailable || g.calls.Load() != 1 {
		t.Errorf("DeleteCertificate: %d calls, %v", g.calls.Load(), err)
	}
	g.calls.Store(0)
	if err := encrypt(t, dial(t, g.address, keyway.WithPlaintext(), keyway.WithoutRetries())); err == nil || g.calls.Load() != 1 {
		t.Errorf("Encrypt without retries: %d calls, %v", g.calls.Load(), err)
	}
}

func TestCallsGoToAllAddresses(t *testing.T) {
	first, second := (&gateway{}).serve(t), (&gateway{}).serve(t)
	client := dial(t, first.address+", "+second.address, keyway.WithPlaintext())
	for deadline := time.Now().Add(10 * time.Second); first.calls.Load() == 0 || second.calls.Load() == 0; {
		if err := encrypt(t, client); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d and %d calls", first.calls.Load(), second.calls.Load())
		}
	}
	first.server.Stop()
	for range 5 {
		if err := encrypt(t, client); err != nil {
			t.Error("with one gone:", err)
		}
	}
}

func TestAddressThatIsNotServingIsSkipped(t *testing.T) {
	g := &gateway{}
	answers := health.NewServer()
	answers.SetServingStatus("", healthpb.HealthCheckResponse_NOT_SERVING)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	healthpb.RegisterHealthServer(server, answers)
	keywayv1.RegisterKeyServiceServer(server, g)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	client := dial(t, listener.Addr().String(), keyway.WithPlaintext(), keyway.WithHealthChecking(), keyway.WithoutRetries())
	if err := encrypt(t, client); status.Code(err) != codes.Unavailable || g.calls.Load() != 0 {
		t.Errorf("%d calls, %v", g.calls.Load(), err)
	}
	answers.SetServingStatus("", healthpb.HealthCheckResponse_SERVING)
	if _, err := client.Keys.Encrypt(t.Context(), &keywayv1.EncryptRequest{}, grpc.WaitForReady(true)); err != nil {
		t.Error(err)
	}
}

func TestTraceContextIsSent(t *testing.T) {
	var incoming metadata.MD
	g := &gateway{encrypt: func(ctx context.Context, _ *keywayv1.EncryptRequest) (*keywayv1.EncryptResponse, error) {
		incoming, _ = metadata.FromIncomingContext(ctx)
		return &keywayv1.EncryptResponse{}, nil
	}}
	g.serve(t)
	client := dial(t, g.address, keyway.WithPlaintext())
	if err := encrypt(t, client); err != nil || len(incoming.Get("traceparent")) != 0 {
		t.Errorf("without a span: %v, %v", incoming.Get("traceparent"), err)
	}
	span := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1, 2, 3}, SpanID: trace.SpanID{4, 5}, TraceFlags: trace.FlagsSampled,
	})
	ctx := trace.ContextWithSpanContext(t.Context(), span)
	if _, err := client.Keys.Encrypt(ctx, &keywayv1.EncryptRequest{}); err != nil {
		t.Fatal(err)
	}
	expected := fmt.Sprintf("00-%s-%s-01", span.TraceID(), span.SpanID())
	if got := incoming.Get("traceparent"); len(got) != 1 || got[0] != expected {
		t.Errorf("%v, not %s", got, expected)
	}
	// An existing header of another instrumentation is kept.
	ctx = metadata.AppendToOutgoingContext(ctx, "traceparent", "theirs")
	if _, err := client.Keys.Encrypt(ctx, &keywayv1.EncryptRequest{}); err != nil {
		t.Fatal(err)
	}
	if got := incoming.Get("traceparent"); len(got) != 1 || got[0] != "theirs" {
		t.Errorf("%v", got)
	}
}

func TestLargeResponsesAreAccepted(t *testing.T) {
	g := &gateway{encrypt: func(context.Context, *keywayv1.EncryptRequest) (*keywayv1.EncryptResponse, error) {
		return &keywayv1.EncryptResponse{Ciphertext: strings.Repeat("x", 8<<20)}, nil
	}}
	g.serve(t)
	if err := encrypt(t, dial(t, g.address, keyway.WithPlaintext())); err != nil {
		t.Error(err)
	}
}

func TestPagesAreRequestedWhenNeeded(t *testing.T) {
	g := &gateway{list: func(_ context.Context, request *keywayv1.ListCertificatesRequest) (*keywayv1.ListCertificatesResponse, error) {
		if request.GetParent() != "providers/-" {
			return nil, status.Error(codes.InvalidArgument, "parent")
		}
		switch request.GetPageToken() {
		case "":
			return &keywayv1.ListCertificatesResponse{Certificates: named("a", "b"), NextPageToken: "2"}, nil
		case "2": // a page can be empty
			return &keywayv1.ListCertificatesResponse{NextPageToken: "3", Unreachable: []string{"providers/gone"}}, nil
		case "3":
			return &keywayv1.ListCertificatesResponse{Certificates: named("c"), NextPageToken: "4"}, nil
		}
		return nil, status.Error(codes.InvalidArgument, "page token")
	}}
	g.serve(t)
	client := dial(t, g.address, keyway.WithPlaintext())
	request := &keywayv1.ListCertificatesRequest{Parent: "providers/-"}
	var names []string
	for certificate, err := range client.AllCertificates(t.Context(), request) {
		if err != nil {
			names = append(names, keyway.FromError(err).Message)
			continue
		}
		names = append(names, certificate.GetName())
	}
	if got := strings.Join(names, " "); got != "a b c page token" {
		t.Error(got)
	}
	if request.GetPageToken() != "" {
		t.Error("the caller's request was changed")
	}
	g.calls.Store(0)
	for certificate := range client.AllCertificates(t.Context(), request) {
		if certificate.GetName() == "b" {
			break
		}
	}
	if g.calls.Load() != 1 {
		t.Errorf("%d pages for the first two items", g.calls.Load())
	}
	var unreachable []string
	for page, err := range client.CertificatePages(t.Context(), request) {
		if err == nil {
			unreachable = append(unreachable, page.GetUnreachable()...)
		}
	}
	if len(unreachable) != 1 {
		t.Error(unreachable)
	}
	providers := 0
	for _, err := range client.AllProviders(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		providers++
	}
	if providers != 2 {
		t.Errorf("%d providers", providers)
	}
}

func named(names ...string) []*keywayv1.Certificate {
	var all []*keywayv1.Certificate
	for _, name := range names {
		all = append(all, &keywayv1.Certificate{Name: name})
	}
	return all
}

func TestClosedClientRejectsCalls(t *testing.T) {
	client := dial(t, (&gateway{}).serve(t).address, keyway.WithPlaintext())
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	var failure *keyway.Error
	if err := encrypt(t, client); !errors.As(err, &failure) || failure.Code != codes.Canceled {
		t.Error(err)
	}
}
