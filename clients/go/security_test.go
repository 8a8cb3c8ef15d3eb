package keyway_test

import (
	"context"
	"crypto/tls"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	keyway "keyway.dev/clients/go"
	keywayv1 "keyway.dev/clients/go/keyway/v1"
)

func TestPlaintextIsLimitedToThisMachine(t *testing.T) {
	token := keyway.WithBearerToken(keyway.StaticToken("t"))
	for _, refused := range []struct {
		address string
		options []keyway.Option
	}{
		{"keyway.example.org:50051", []keyway.Option{keyway.WithPlaintext()}},
		{"dns:///keyway.example.org:50051", []keyway.Option{keyway.WithPlaintext()}},
		{"127.0.0.1:1,10.0.0.1:1", []keyway.Option{keyway.WithPlaintext()}},
		{"xds:///127.0.0.1:1", []keyway.Option{keyway.WithPlaintext()}},
		{"localhost.example.org:1", []keyway.Option{keyway.WithPlaintext()}},
		{"127.0.0.1:1", []keyway.Option{keyway.WithPlaintext(), token}},
		{"127.0.0.1:1", []keyway.Option{keyway.WithPlaintext(), keyway.WithTLS("ca.pem")}},
		{"127.0.0.1:1", []keyway.Option{keyway.WithPlaintext(), keyway.WithMTLS("c.pem", "c.key")}},
		{"127.0.0.1:1", []keyway.Option{keyway.WithTLS("ca.pem"), keyway.WithTLSConfig(&tls.Config{})}},
		{"127.0.0.1:1", []keyway.Option{keyway.WithTLS("/there/is/none.pem")}},
		{"127.0.0.1:1", []keyway.Option{keyway.WithMTLS("/there/is/none.pem", "/there/is/none.key")}},
		{"", nil},
	} {
		if client, err := keyway.Dial(refused.address, refused.options...); err == nil {
			_ = client.Close()
			t.Errorf("%q is accepted", refused.address)
		}
	}
	for _, address := range []string{"127.0.0.1:1", "[::1]:1", "localhost:1", "dns:///localhost:1", "unix:///tmp/none", "127.0.0.1:1,[::1]:2"} {
		client, err := keyway.Dial(address, keyway.WithPlaintext())
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		_ = client.Close()
	}
	client, err := keyway.Dial("10.0.0.1:1", keyway.WithPlaintextBeyondLoopback())
	if err != nil {
		t.Fatal(err)
	}
	_ = client.Close()
}

func TestCertificateOfTheGatewayIsVerified(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	g := (&gateway{}).serve(t, ours.credentials(tls.NoClientCert, "127.0.0.1", "gateway.test"))
	if err := encrypt(t, dial(t, g.address, keyway.WithTLS(ours.file))); err != nil {
		t.Error(err)
	}
	// Each of several addresses is verified by its own name.
	if err := encrypt(t, dial(t, g.address+","+g.address, keyway.WithTLS(ours.file))); err != nil {
		t.Error(err)
	}
	if err := encrypt(t, dial(t, g.address, keyway.WithTLS(ours.file), keyway.WithServerName("gateway.test"))); err != nil {
		t.Error(err)
	}
	for name, options := range map[string][]keyway.Option{
		"another authority": {keyway.WithTLS(theirs.file)},
		"the system's":      {},
		"another name":      {keyway.WithTLS(ours.file), keyway.WithServerName("other.test")},
	} {
		if err := encrypt(t, dial(t, g.address, append(options, keyway.WithoutRetries())...)); status.Code(err) != codes.Unavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
	if g.calls.Load() != 3 {
		t.Errorf("%d calls", g.calls.Load())
	}
}

func TestRenewedClientCertificateIsSent(t *testing.T) {
	authority := newAuthority(t)
	var caller string
	g := &gateway{encrypt: func(ctx context.Context, _ *keywayv1.EncryptRequest) (*keywayv1.EncryptResponse, error) {
		from, _ := peer.FromContext(ctx)
		shown, _ := from.AuthInfo.(credentials.TLSInfo)
		caller = shown.State.PeerCertificates[0].Subject.CommonName
		return &keywayv1.EncryptResponse{}, nil
	}}
	// The gateway closes connections after some time.
	age := grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionAge: 50 * time.Millisecond})
	g.serve(t, age, authority.credentials(tls.RequireAndVerifyClientCert, "127.0.0.1"))
	certificate, key := authority.issue("orders")
	client := dial(t, g.address, keyway.WithTLS(authority.file), keyway.WithMTLS(certificate, key))
	if err := encrypt(t, client); err != nil || caller != "orders" {
		t.Errorf("%s: %v", caller, err)
	}
	renewed, renewedKey := authority.issue("renewed")
	if err := errors.Join(os.Rename(renewed, certificate), os.Rename(renewedKey, key)); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); caller != "renewed"; {
		if err := encrypt(t, client); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(deadline) {
			t.Fatalf("still %s", caller)
		}
	}
	if err := encrypt(t, dial(t, g.address, keyway.WithTLS(authority.file), keyway.WithoutRetries())); err == nil {
		t.Error("without a certificate")
	}
}

func TestTokenSourceIsCalledForEachCall(t *testing.T) {
	authority := newAuthority(t)
	var sent []string
	g := &gateway{encrypt: func(ctx context.Context, _ *keywayv1.EncryptRequest) (*keywayv1.EncryptResponse, error) {
		incoming, _ := metadata.FromIncomingContext(ctx)
		sent = append(sent, incoming.Get("authorization")...)
		return &keywayv1.EncryptResponse{}, nil
	}}
	g.serve(t, authority.credentials(tls.NoClientCert, "127.0.0.1"))
	tokens := []string{"first", "second"}
	client := dial(t, g.address, keyway.WithTLS(authority.file), keyway.WithBearerToken(func(context.Context) (string, error) {
		if len(tokens) == 0 {
			return "", errors.New("no more tokens")
		}
		token := tokens[0]
		tokens = tokens[1:]
		return token, nil
	}))
	for range 2 {
		if err := encrypt(t, client); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Join(sent, ","); got != "Bearer first,Bearer second" {
		t.Error(got)
	}
	tokens = []string{"of-a-file\n"}
	if err := encrypt(t, client); err != nil || sent[len(sent)-1] != "Bearer of-a-file" {
		t.Errorf("%q, %v", sent, err)
	}
	sent = sent[:2]
	for _, unfit := range []string{"", "\n", "sec\nret", "geheimß"} {
		tokens = []string{unfit}
		if err := encrypt(t, client); status.Code(err) != codes.Unauthenticated || strings.Contains(err.Error(), "ret") {
			t.Errorf("%q: %v", unfit, err)
		}
	}
	if err := encrypt(t, client); status.Code(err) != codes.Unauthenticated || len(sent) != 2 {
		t.Errorf("%d calls, %v", len(sent), err)
	}
}

func TestDialOptionsArePassed(t *testing.T) {
	g := (&gateway{}).serve(t)
	called := false
	client := dial(t, g.address, keyway.WithPlaintext(), keyway.WithDialOptions(grpc.WithChainUnaryInterceptor(
		func(ctx context.Context, method string, request, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
			called = true
			return invoke(ctx, method, request, reply, cc, options...)
		},
	)))
	if err := encrypt(t, client); err != nil || !called {
		t.Error(called, err)
	}
}
