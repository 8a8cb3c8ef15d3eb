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

// security returns the transport credentials. It rejects settings that would send secrets in plaintext.
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
		return nil, errors.New("plaintext cannot be combined with TLS options")
	case s.token != nil:
		return nil, errors.New("a bearer token requires TLS")
	case !s.beyondLoopback && !isLocal(address):
		return nil, fmt.Errorf("plaintext is limited to loopback addresses, but the address is %s", address)
	}
	return insecure.NewCredentials(), nil
}

// hasCertificate reports whether the client sends a certificate if the gateway requests one.
func (s *settings) hasCertificate() bool {
	config := s.tlsConfig
	return s.certificateFile != "" || config != nil && (len(config.Certificates) > 0 || config.GetClientCertificate != nil)
}

func (s *settings) configureTLS() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.tlsConfig != nil {
		if s.authoritiesFile != "" || s.certificateFile != "" {
			return nil, errors.New("WithTLSConfig cannot be combined with WithTLS and WithMTLS")
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
		// Report errors early. The files are read again at each handshake.
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
		return nil, fmt.Errorf("certificate authorities: %s contains no PEM certificate", file)
	}
	return pool, nil
}

type bearer struct{ source TokenSource }

func (b bearer) GetRequestMetadata(ctx context.Context, _ ...string) (map[string]string, error) {
	token, err := b.source(ctx)
	if err != nil {
		return nil, err
	}
	token = strings.TrimSpace(token) // a token file can end with a newline
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, status.Error(codes.Unauthenticated, "the bearer token is empty or contains characters that a header cannot carry")
	}
	return map[string]string{"authorization": "Bearer " + token}, nil
}

func (b bearer) RequireTransportSecurity() bool { return true }
