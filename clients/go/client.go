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
	maximumAnswer     = 64 << 20
	repeatableCall    = 17 << 20 // the gateway takes 16 MiB; a call that is larger than this is not repeated
	keepaliveInterval = 60 * time.Second
	keepaliveTimeout  = 20 * time.Second
	connectTimeout    = 5 * time.Second
)

// Client holds a connection and the stubs that call over it. It is safe for use by many goroutines; one is enough for a
// whole program.
type Client struct {
	Certificates keywayv1.CertificateServiceClient
	Keys         keywayv1.KeyServiceClient
	Providers    keywayv1.ProviderServiceClient

	connection *grpc.ClientConn
}

// Dial makes a client of the gateway at address: host:port, several of them with commas between, or any target that gRPC
// knows, such as dns:///keyway.example.org:50051. Calls go to all addresses in turn.
//
// Without an option that says otherwise the connection is TLS, and the certificate authorities are the system's. Dial
// does not wait for the connection: the first call makes it.
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
		connection:   connection,
	}, nil
}

// Conn returns the connection, for other stubs over it: health, reflection, or services that are newer than this client.
func (c *Client) Conn() *grpc.ClientConn { return c.connection }

// Close ends the connection. Calls that are under way fail.
func (c *Client) Close() error { return c.connection.Close() }

func connect(address string, settings *settings) (*grpc.ClientConn, error) {
	if address == "" {
		return nil, errors.New("no address of a gateway")
	}
	security, err := settings.security(address)
	if err != nil {
		return nil, err
	}
	target, resolvers := targetOf(address)
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(security),
		grpc.WithDefaultServiceConfig(serviceConfig(settings.retries, settings.healthChecking)),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maximumAnswer), grpc.MaxRetryRPCBufferSize(repeatableCall)),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: keepaliveInterval, Timeout: keepaliveTimeout}),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: reconnecting, MinConnectTimeout: connectTimeout}),
		grpc.WithChainUnaryInterceptor(describeErrors, defaultDeadlines(settings.defaultDeadline), passTraceOn),
		grpc.WithChainStreamInterceptor(passTraceOnInStreams),
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

// A gateway that is back is found soon: it is inside the caller's own system.
var reconnecting = backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 5 * time.Second}
