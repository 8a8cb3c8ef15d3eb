package keyway

import (
	"context"
	"crypto/tls"
	"time"

	"google.golang.org/grpc"
)

// Option changes what [Dial] makes.
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

// TokenSource gives the bearer token of a call. It is asked for every call, by many goroutines at once: one that costs
// something should keep its token until shortly before that expires.
type TokenSource func(ctx context.Context) (string, error)

// StaticToken is the source of a token that never changes.
func StaticToken(token string) TokenSource {
	return func(context.Context) (string, error) { return token, nil }
}

// WithTLS trusts the certificate authorities of a PEM file, and no others. Empty means the system's.
func WithTLS(authoritiesFile string) Option {
	return func(s *settings) { s.authoritiesFile = authoritiesFile }
}

// WithMTLS shows the gateway a certificate, with its chain, from PEM files. They are read again for every connection, so
// that a renewed certificate needs no restart. It goes with [WithTLS], which says whom to trust.
func WithMTLS(certificateFile, privateKeyFile string) Option {
	return func(s *settings) { s.certificateFile, s.privateKeyFile = certificateFile, privateKeyFile }
}

// WithServerName expects the gateway's certificate to be for this name, not for the host of the address.
func WithServerName(name string) Option {
	return func(s *settings) { s.serverName = name }
}

// WithTLSConfig takes TLS as it is configured here, in place of [WithTLS] and [WithMTLS]: keys in hardware, SPIFFE sources.
func WithTLSConfig(config *tls.Config) Option {
	return func(s *settings) { s.tlsConfig = config }
}

// WithBearerToken says who calls by a token. It is sent over TLS only.
func WithBearerToken(source TokenSource) Option {
	return func(s *settings) { s.token = source }
}

// WithPlaintext goes without TLS, to loopback addresses and Unix sockets only.
func WithPlaintext() Option {
	return func(s *settings) { s.plaintext = true }
}

// WithPlaintextBeyondLoopback goes without TLS, to any address: who is on the way reads all keys. For networks that
// encrypt by themselves.
func WithPlaintextBeyondLoopback() Option {
	return func(s *settings) { s.plaintext, s.beyondLoopback = true, true }
}

// WithDefaultDeadline limits calls whose context has no deadline, to 30 seconds unless said otherwise. 0 means no limit.
func WithDefaultDeadline(limit time.Duration) Option {
	return func(s *settings) { s.defaultDeadline = limit }
}

// WithoutRetries repeats no call. By default methods without side effects are, up to four times, where the gateway is
// UNAVAILABLE.
func WithoutRetries() Option {
	return func(s *settings) { s.retries = false }
}

// WithHealthChecking asks each address for its health, and leaves out the ones that are not serving.
func WithHealthChecking() Option {
	return func(s *settings) { s.healthChecking = true }
}

// WithDialOptions passes options on to gRPC. They come after the client's own: the last one counts.
func WithDialOptions(options ...grpc.DialOption) Option {
	return func(s *settings) { s.dialOptions = append(s.dialOptions, options...) }
}
