package keyway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// security makes the transport's credentials, and refuses what would send secrets in clear.
func (s *settings) security(address string) (credentials.TransportCredentials, error) {
	if !s.plaintext {
		config, err := s.configureTLS()
		if err != nil {
			return nil, err
		}
		return credentials.NewTLS(config), nil
	}
	switch {
	case s.authoritiesFile != "" || s.certificateFile != "" || s.tlsConfig != nil:
		return nil, errors.New("both TLS and plaintext are asked for")
	case s.token != nil:
		return nil, errors.New("a bearer token is sent over TLS only")
	case !s.beyondLoopback && !isLocal(address):
		return nil, fmt.Errorf("plaintext is for loopback addresses, and %s is not one", address)
	}
	return insecure.NewCredentials(), nil
}

func (s *settings) configureTLS() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.tlsConfig != nil {
		if s.authoritiesFile != "" || s.certificateFile != "" {
			return nil, errors.New("TLS is asked for both by files and by a configuration")
		}
		config = s.tlsConfig.Clone()
	}
	if s.serverName != "" {
		config.ServerName = s.serverName
	}
	if s.authoritiesFile != "" {
		authorities, err := readAuthorities(s.authoritiesFile)
		if err != nil {
			return nil, err
		}
		config.RootCAs = authorities
	}
	if s.certificateFile != "" || s.privateKeyFile != "" {
		// What is wrong now is told now; later reads happen at each handshake.
		if _, err := s.readCertificate(nil); err != nil {
			return nil, err
		}
		config.GetClientCertificate = s.readCertificate
	}
	return config, nil
}

func (s *settings) readCertificate(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(s.certificateFile, s.privateKeyFile)
	if err != nil {
		return nil, fmt.Errorf("client certificate: %w", err)
	}
	return &pair, nil
}

func readAuthorities(file string) (*x509.CertPool, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("certificate authorities: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(content) {
		return nil, fmt.Errorf("certificate authorities: %s holds no certificate in PEM", file)
	}
	return pool, nil
}

type bearer struct{ source TokenSource }

func (b bearer) GetRequestMetadata(ctx context.Context, _ ...string) (map[string]string, error) {
	token, err := b.source(ctx)
	if err != nil {
		return nil, err
	}
	token = strings.TrimSpace(token) // as of a file
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, status.Error(codes.Unauthenticated, "the bearer token is empty, or has what a header can't carry")
	}
	return map[string]string{"authorization": "Bearer " + token}, nil
}

func (b bearer) RequireTransportSecurity() bool { return true }
