package keyway

import (
	"context"
	"crypto/tls"
	"time"

	"google.golang.org/grpc"
)

// Option is an option of [Dial].
type Option func(*settings)

type settings struct {
	plaintext       bool
	beyondLoopback  bool
	authoritiesFile string
	certificateFile string
	privateKeyFile  string
	serverName      string
	tlsConfig       *tls.Config
	token           TokenSource
	defaultDeadline time.Duration
	retries         bool
	healthChecking  bool
	dialOptions     []grpc.DialOption
}

// TokenSource returns the bearer token of a call. Goroutines call it concurrently, for each call: a source that requests
// tokens should cache them.
type TokenSource func(ctx context.Context) (string, error)

// StaticToken returns a source of a fixed token.
func StaticToken(token string) TokenSource {
	return func(context.Context) (string, error) { return token, nil }
}

// WithTLS verifies the gateway with the CA bundle in a PEM file. Empty means the certificate authorities of the system.
func WithTLS(authoritiesFile string) Option {
	return func(s *settings) { s.authoritiesFile = authoritiesFile }
}

// WithMTLS sends a client certificate with its chain from PEM files. The client reads them again for each connection, so
// that a renewed certificate needs no restart. Combine it with [WithTLS] for a private certificate authority.
func WithMTLS(certificateFile, privateKeyFile string) Option {
	return func(s *settings) { s.certificateFile, s.privateKeyFile = certificateFile, privateKeyFile }
}

// WithServerName sets the name that the gateway's certificate must have, if it differs from the host of the address.
func WithServerName(name string) Option {
	return func(s *settings) { s.serverName = name }
}

// WithTLSConfig sets the TLS configuration instead of [WithTLS] and [WithMTLS], for example for keys in hardware.
func WithTLSConfig(config *tls.Config) Option {
	return func(s *settings) { s.tlsConfig = config }
}

// WithBearerToken sends a bearer token with each call. It requires TLS.
func WithBearerToken(source TokenSource) Option {
	return func(s *settings) { s.token = source }
}

// WithPlaintext disables TLS. Only loopback addresses and Unix sockets are accepted.
func WithPlaintext() Option {
	return func(s *settings) { s.plaintext = true }
}

// WithPlaintextBeyondLoopback disables TLS for any address. Use it only in networks that encrypt all traffic: otherwise,
// others can read keys and passwords.
func WithPlaintextBeyondLoopback() Option {
	return func(s *settings) { s.plaintext, s.beyondLoopback = true, true }
}

// WithDefaultDeadline sets the deadline of calls whose context has none. The default is 30 seconds; 0 means no deadline.
func WithDefaultDeadline(limit time.Duration) Option {
	return func(s *settings) { s.defaultDeadline = limit }
}

// WithoutRetries disables retries. By default, calls without side effects are retried up to four times while the gateway
// is UNAVAILABLE.
func WithoutRetries() Option {
	return func(s *settings) { s.retries = false }
}

// WithHealthChecking checks the health of each address, and sends no calls to addresses that are not serving.
func WithHealthChecking() Option {
	return func(s *settings) { s.healthChecking = true }
}

// WithDialOptions passes options to gRPC. They override the options of the client.
func WithDialOptions(options ...grpc.DialOption) Option {
	return func(s *settings) { s.dialOptions = append(s.dialOptions, options...) }
}
