package keyway_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	keyway "keyway.dev/clients/go"
	keywayv1 "keyway.dev/clients/go/keyway/v1"
)

// unused returns an address on which nothing listens.
func unused(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

func failureOf(t *testing.T, err error) *keyway.Error {
	t.Helper()
	var failure *keyway.Error
	if !errors.As(err, &failure) {
		t.Fatal(err)
	}
	return failure
}

func TestBrokenConnectionHasItsSentence(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	plain := (&gateway{}).serve(t).address
	secure := (&gateway{}).serve(t, ours.credentials(tls.NoClientCert, "127.0.0.1")).address
	mutual := (&gateway{}).serve(t, ours.credentials(tls.RequireAndVerifyClientCert, "127.0.0.1")).address
	pair, err := tls.LoadX509KeyPair(ours.issue("http1", "127.0.0.1"))
	if err != nil {
		t.Fatal(err)
	}
	otherProtocol := (&gateway{}).serve(t, grpc.Creds(withoutALPN{credentials.NewServerTLSFromCert(&pair), pair})).address
	trusting := keyway.WithTLS(ours.file)
	certificate, key := theirs.issue("orders")
	for _, broken := range []struct {
		problem keyway.Problem
		address string
		options []keyway.Option
	}{
		{keyway.ProblemRefused, unused(t), []keyway.Option{keyway.WithPlaintext()}},
		{keyway.ProblemRefused, "unix:" + t.TempDir() + "/none", []keyway.Option{keyway.WithPlaintext()}},
		{keyway.ProblemTLSRequired, secure, []keyway.Option{keyway.WithPlaintext()}},
		{keyway.ProblemPlaintextRequired, plain, []keyway.Option{trusting}},
		{keyway.ProblemUntrusted, secure, []keyway.Option{keyway.WithTLS(theirs.file)}},
		{keyway.ProblemHostName, secure, []keyway.Option{trusting, keyway.WithServerName("other.test")}},
		{keyway.ProblemClientCertificateMissing, mutual, []keyway.Option{trusting}},
		{keyway.ProblemClientCertificateRejected, mutual, []keyway.Option{trusting, keyway.WithMTLS(certificate, key)}},
		{keyway.ProblemNotHTTP2, otherProtocol, []keyway.Option{trusting}},
		{keyway.ProblemUnresolved, "gateway.invalid:443", []keyway.Option{trusting}},
	} {
		client := dial(t, broken.address, append(broken.options, keyway.WithoutRetries())...)
		failure := failureOf(t, encrypt(t, client))
		if failure.Problem != broken.problem || failure.Message != broken.problem.Sentence() {
			t.Errorf("%s: %v: %v", broken.problem, failure, failure.Unwrap())
		}
		if failure.Code != codes.Unavailable || failure.Error() != "keyway: UNAVAILABLE: "+broken.problem.Sentence() {
			t.Errorf("%v", failure)
		}
	}
}

// withoutALPN is a TLS server that does not select HTTP/2.
type withoutALPN struct {
	credentials.TransportCredentials
	pair tls.Certificate
}

func (w withoutALPN) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	connection := tls.Server(raw, &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{w.pair}})
	return connection, credentials.TLSInfo{State: connection.ConnectionState()}, connection.Handshake()
}

func TestRefusedLoopbackPortFailsAtOnce(t *testing.T) {
	address, authority := unused(t), newAuthority(t)
	for _, target := range []string{address, address + "," + address, "dns:///" + address} {
		for _, option := range []keyway.Option{keyway.WithPlaintext(), keyway.WithTLS(authority.file)} {
			began := time.Now()
			failure := failureOf(t, encrypt(t, dial(t, target, option)))
			if failure.Problem != keyway.ProblemRefused || time.Since(began) > 500*time.Millisecond {
				t.Errorf("%s: %v after %v", target, failure, time.Since(began))
			}
		}
	}
}

func TestCallThatWaitsForTheGatewayIsNotFailed(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	client := dial(t, unused(t), keyway.WithPlaintext())
	_, err := client.Keys.Encrypt(ctx, &keywayv1.EncryptRequest{}, grpc.WaitForReady(true))
	if status.Code(err) != codes.DeadlineExceeded {
		t.Error(err)
	}
}

func TestClientOfAStoppedGatewayRetries(t *testing.T) {
	g := (&gateway{}).serve(t)
	client := dial(t, g.address, keyway.WithPlaintext())
	if err := encrypt(t, client); err != nil {
		t.Fatal(err)
	}
	g.server.Stop()
	_, err := client.Providers.ListProviders(t.Context(), &keywayv1.ListProvidersRequest{})
	if failure := failureOf(t, err); !strings.Contains(failure.Unwrap().Error(), "max retries exhausted") {
		t.Error(failure.Unwrap())
	}
}

func TestLostConnectionIsNoProblemOfTheSettings(t *testing.T) {
	g := &gateway{}
	g.encrypt = func(context.Context, *keywayv1.EncryptRequest) (*keywayv1.EncryptResponse, error) {
		if g.calls.Load() > 1 {
			go g.server.Stop()
			<-t.Context().Done()
		}
		return &keywayv1.EncryptResponse{}, nil
	}
	client := dial(t, g.serve(t).address, keyway.WithPlaintext(), keyway.WithoutRetries())
	if err := encrypt(t, client); err != nil {
		t.Fatal(err)
	}
	if failure := failureOf(t, encrypt(t, client)); failure.Problem != "" {
		t.Error(failure)
	}
}

func TestErrorOfAProxyIsNotReplaced(t *testing.T) {
	const text = "upstream connect error or disconnect/reset before headers: delayed connect error: connection refused"
	g := &gateway{encrypt: func(ctx context.Context, _ *keywayv1.EncryptRequest) (*keywayv1.EncryptResponse, error) {
		if err := grpc.SetTrailer(ctx, metadata.Pairs("server", "proxy")); err != nil {
			return nil, err
		}
		return nil, status.Error(codes.Unavailable, text)
	}}
	client := dial(t, g.serve(t).address, keyway.WithPlaintext(), keyway.WithoutRetries())
	if failure := failureOf(t, encrypt(t, client)); failure.Problem != "" || failure.Message != text {
		t.Error(failure)
	}
}

func TestRejectionByTheGatewayStatesTheFix(t *testing.T) {
	for _, rejection := range []struct {
		code            codes.Code
		reason, message string
		expected        string
		problem         keyway.Problem
	}{
		{codes.Unauthenticated, "UNAUTHENTICATED", "the bearer token has expired",
			"keyway: UNAUTHENTICATED: the bearer token has expired: request a new token, or correct the clock", keyway.ProblemTokenExpired},
		{codes.Unavailable, "SERVER_DRAINING", "shutting down",
			"keyway: UNAVAILABLE SERVER_DRAINING: shutting down: retry later, or use another gateway", keyway.ProblemDraining},
		{codes.NotFound, "KEY_NOT_FOUND", "no such key", "keyway: NOT_FOUND KEY_NOT_FOUND: no such key", ""},
	} {
		g := &gateway{encrypt: func(context.Context, *keywayv1.EncryptRequest) (*keywayv1.EncryptResponse, error) {
			full, err := status.New(rejection.code, rejection.message).WithDetails(
				&errdetails.ErrorInfo{Reason: rejection.reason, Domain: "keyway"},
			)
			if err != nil {
				return nil, err
			}
			return nil, full.Err()
		}}
		client := dial(t, g.serve(t).address, keyway.WithPlaintext(), keyway.WithoutRetries())
		failure := failureOf(t, encrypt(t, client))
		if failure.Problem != rejection.problem || failure.Message != rejection.message || failure.Error() != rejection.expected {
			t.Errorf("%v: %v", failure.Problem, failure)
		}
	}
}
