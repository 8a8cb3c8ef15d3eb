package keyway_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	keyway "keyway.dev/clients/go"
	keywayv1 "keyway.dev/clients/go/keyway/v1"
)

// gateway is a server on a loopback port with scripted responses.
type gateway struct {
	keywayv1.UnimplementedCertificateServiceServer
	keywayv1.UnimplementedKeyServiceServer
	keywayv1.UnimplementedProviderServiceServer

	address string
	server  *grpc.Server
	calls   atomic.Int32

	encrypt func(ctx context.Context, request *keywayv1.EncryptRequest) (*keywayv1.EncryptResponse, error)
	list    func(ctx context.Context, request *keywayv1.ListCertificatesRequest) (*keywayv1.ListCertificatesResponse, error)
	remove  func() error
	watch   func(request *keywayv1.WatchCertificatesRequest, stream watchStream) error
}

type watchStream = grpc.ServerStreamingServer[keywayv1.WatchCertificatesResponse]

func (g *gateway) WatchCertificates(request *keywayv1.WatchCertificatesRequest, stream watchStream) error {
	g.calls.Add(1)
	return g.watch(request, stream)
}

func (g *gateway) Encrypt(ctx context.Context, request *keywayv1.EncryptRequest) (*keywayv1.EncryptResponse, error) {
	g.calls.Add(1)
	if g.encrypt == nil {
		return &keywayv1.EncryptResponse{Ciphertext: "sealed"}, nil
	}
	return g.encrypt(ctx, request)
}

func (g *gateway) ListCertificates(
	ctx context.Context, request *keywayv1.ListCertificatesRequest,
) (*keywayv1.ListCertificatesResponse, error) {
	g.calls.Add(1)
	return g.list(ctx, request)
}

func (g *gateway) ListProviders(context.Context, *keywayv1.ListProvidersRequest) (*keywayv1.ListProvidersResponse, error) {
	return &keywayv1.ListProvidersResponse{Providers: []*keywayv1.Provider{{Name: "providers/a"}, {Name: "providers/b"}}}, nil
}

func (g *gateway) DeleteCertificate(
	context.Context, *keywayv1.DeleteCertificateRequest,
) (*keywayv1.DeleteCertificateResponse, error) {
	g.calls.Add(1)
	return &keywayv1.DeleteCertificateResponse{}, g.remove()
}

func (g *gateway) serve(t *testing.T, options ...grpc.ServerOption) *gateway {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g.address, g.server = listener.Addr().String(), grpc.NewServer(options...)
	keywayv1.RegisterCertificateServiceServer(g.server, g)
	keywayv1.RegisterKeyServiceServer(g.server, g)
	keywayv1.RegisterProviderServiceServer(g.server, g)
	served := make(chan error, 1)
	go func() { served <- g.server.Serve(listener) }()
	t.Cleanup(func() {
		g.server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return g
}

func dial(t *testing.T, address string, options ...keyway.Option) *keyway.Client {
	t.Helper()
	client, err := keyway.Dial(address, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func encrypt(t *testing.T, client *keyway.Client) error {
	t.Helper()
	_, err := client.Keys.Encrypt(t.Context(), &keywayv1.EncryptRequest{Name: "providers/p/keys/k", Plaintext: []byte("text")})
	return err
}

// authority signs certificates for a test, and stores them as files.
type authority struct {
	t           *testing.T
	folder      string
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	file        string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, folder: t.TempDir()}
	a.key = a.makeKey()
	a.certificate = a.sign("authority", &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil, a.key)
	a.file = filepath.Join(a.folder, "authority.pem")
	return a
}

func (a *authority) makeKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	return key
}

func (a *authority) sign(name string, template, parent *x509.Certificate, key *ecdsa.PrivateKey) *x509.Certificate {
	a.t.Helper()
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.Subject = pkix.Name{CommonName: name}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	a.write(name+".pem", "CERTIFICATE", der)
	a.write(name+".key", "PRIVATE KEY", pkcs8)
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return certificate
}

func (a *authority) write(name, kind string, content []byte) {
	if err := os.WriteFile(filepath.Join(a.folder, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600); err != nil {
		a.t.Fatal(err)
	}
}

// issue creates the files of a certificate for clients and servers.
func (a *authority) issue(name string, hosts ...string) (certificateFile, privateKeyFile string) {
	a.t.Helper()
	template := &x509.Certificate{
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	a.sign(name, template, a.certificate, a.makeKey())
	return filepath.Join(a.folder, name+".pem"), filepath.Join(a.folder, name+".key")
}

// credentials returns server credentials for these hosts, optionally with client authentication.
func (a *authority) credentials(clients tls.ClientAuthType, hosts ...string) grpc.ServerOption {
	a.t.Helper()
	pair, err := tls.LoadX509KeyPair(a.issue("server", hosts...))
	if err != nil {
		a.t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	trusted.AddCert(a.certificate)
	return grpc.Creds(credentials.NewTLS(&tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, ClientAuth: clients, ClientCAs: trusted,
	}))
}
