package envelope

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"sync"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	keywayv1 "keyway.dev/clients/go/keyway/v1"
)

const keyName = "providers/nhn-keys/keys/orders-key"

// fixedKey is a gateway that decrypts every data key to the same key.
type fixedKey struct {
	Keys
	t               testing.TB
	key             []byte
	name, encrypted string // the expected values, if not empty
}

func (f *fixedKey) Decrypt(
	_ context.Context, request *keywayv1.DecryptRequest, _ ...grpc.CallOption,
) (*keywayv1.DecryptResponse, error) {
	if f.name != "" && (request.GetName() != f.name || request.GetCiphertext() != f.encrypted) {
		f.t.Errorf("asked to decrypt %q of %q", request.GetCiphertext(), request.GetName())
	}
	if request.GetEncoding() != keywayv1.Encoding_ENCODING_BASE64 {
		f.t.Errorf("encoding %v", request.GetEncoding())
	}
	return &keywayv1.DecryptResponse{Plaintext: bytes.Clone(f.key)}, nil
}

// gateway generates data keys and stores them.
type gateway struct {
	mutex   sync.Mutex
	made    map[string][]byte
	opened  int
	failure error
}

func newGateway() *gateway { return &gateway{made: map[string][]byte{}} }

func (g *gateway) GenerateDataKey(
	ctx context.Context, request *keywayv1.GenerateDataKeyRequest, _ ...grpc.CallOption,
) (*keywayv1.GenerateDataKeyResponse, error) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if g.failure != nil {
		return nil, g.failure
	}
	key, label := make([]byte, dataKeySize), make([]byte, 24)
	_, _ = rand.Read(key)
	_, _ = rand.Read(label)
	encrypted := base64.StdEncoding.EncodeToString(label)
	g.made[request.GetName()+" "+encrypted] = key
	return &keywayv1.GenerateDataKeyResponse{Plaintext: bytes.Clone(key), Ciphertext: encrypted}, nil
}

func (g *gateway) Decrypt(
	_ context.Context, request *keywayv1.DecryptRequest, _ ...grpc.CallOption,
) (*keywayv1.DecryptResponse, error) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.opened++
	if g.failure != nil {
		return nil, g.failure
	}
	key, known := g.made[request.GetName()+" "+request.GetCiphertext()]
	if !known {
		return nil, said(codes.InvalidArgument, "INVALID_USER_DATA", "keyway")
	}
	return &keywayv1.DecryptResponse{Plaintext: bytes.Clone(key)}, nil
}

// said returns an error with a reason, of the domain of the gateway or another domain.
func said(code codes.Code, reason, domain string) error {
	stated, err := status.New(code, "message").WithDetails(&errdetails.ErrorInfo{Reason: reason, Domain: domain})
	if err != nil {
		panic(err)
	}
	return stated.Err()
}

func (g *gateway) keysMade() int {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	return len(g.made)
}
