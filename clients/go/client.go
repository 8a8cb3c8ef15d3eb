package keyway

import (
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/keepalive"

	keywayv1 "keyway.dev/clients/go/keyway/v1"
)

const (
	defaultDeadline   = 30 * time.Second
	maxResponse       = 64 << 20
	retryBuffer       = 17 << 20 // the gateway accepts at most 16 MiB; gRPC does not retry larger calls
	keepaliveInterval = 60 * time.Second
	keepaliveTimeout  = 20 * time.Second
	connectTimeout    = 5 * time.Second
)

// Client holds a connection and the stubs that use it. Goroutines can share it. Use one client for the whole program.
type Client struct {
	Certificates keywayv1.CertificateServiceClient
	Keys         keywayv1.KeyServiceClient
	Providers    keywayv1.ProviderServiceClient
	Audit        keywayv1.AuditServiceClient

	connection *grpc.ClientConn
}

// Dial returns a client of the gateway at address: host:port, a comma-separated list of them, or a gRPC target such as
// dns:///keyway.example.org:50051. Calls go to all addresses in turn.
//
// The default is TLS with the certificate authorities of the system. Dial does not connect; the first call does.
func Dial(address string, options ...Option) (*Client, error) {
	settings := settings{defaultDeadline: defaultDeadline, retries: true}
	for _, option := range options {
		if option != nil {
			option(&settings)
		}
	}
	connection, err := connect(address, &settings)
	if err != nil {
		return nil, fmt.Errorf("keyway: %w", err)
	}
	return &Client{
		Certificates: keywayv1.NewCertificateServiceClient(connection),
		Keys:         keywayv1.NewKeyServiceClient(connection),
		Providers:    keywayv1.NewProviderServiceClient(connection),
		Audit:        keywayv1.NewAuditServiceClient(connection),
		connection:   connection,
	}, nil
}

// Conn returns the connection for other stubs, such as those for health and reflection.
func (c *Client) Conn() *grpc.ClientConn { return c.connection }

// Close closes the connection. Calls in progress fail.
func (c *Client) Close() error { return c.connection.Close() }

func connect(address string, settings *settings) (*grpc.ClientConn, error) {
	if address == "" {
		return nil, errors.New("the address of the gateway is empty")
	}
	security, err := settings.security(address)
	if err != nil {
		return nil, err
	}
	target, resolvers := targetOf(address)
	explaining := &explainer{plaintext: settings.plaintext, certificate: settings.hasCertificate()}
	first := newFirstCall(address, settings)
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(security),
		grpc.WithDefaultServiceConfig(serviceConfig(settings.retries, settings.healthChecking)),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxResponse), grpc.MaxRetryRPCBufferSize(retryBuffer)),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: keepaliveInterval, Timeout: keepaliveTimeout}),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: reconnecting, MinConnectTimeout: connectTimeout}),
		grpc.WithChainUnaryInterceptor(
			explaining.describeErrors, first.check, defaultDeadlines(settings.defaultDeadline), passTraceOn,
		),
		grpc.WithChainStreamInterceptor(explaining.describeStreamErrors, first.checkStream, passTraceOnInStreams),
		grpc.WithUserAgent(userAgent),
	}
	if len(resolvers) > 0 {
		options = append(options, grpc.WithResolvers(resolvers...))
	}
	if settings.token != nil {
		options = append(options, grpc.WithPerRPCCredentials(bearer{settings.token}))
	}
	return grpc.NewClient(target, append(options, settings.dialOptions...)...)
}

const userAgent = "keyway-go"

// Reconnect quickly, because the gateway runs in the same system as the caller.
var reconnecting = backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 5 * time.Second}
