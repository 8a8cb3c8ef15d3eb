package envelope

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	keywayv1 "keyway.dev/clients/go/keyway/v1"
)

// Keys generates and decrypts data keys. The field Keys of a keyway.Client implements it.
type Keys interface {
	GenerateDataKey(context.Context, *keywayv1.GenerateDataKeyRequest, ...grpc.CallOption) (*keywayv1.GenerateDataKeyResponse, error)
	Decrypt(context.Context, *keywayv1.DecryptRequest, ...grpc.CallOption) (*keywayv1.DecryptResponse, error)
}

// Bounds limit the use of one data key. The first limit that is reached applies to the next envelope. Zero means the
// default.
type Bounds struct {
	// Envelopes is 1,000 by default; with 1, each envelope has its own data key.
	Envelopes int
	// Bytes is 64 GiB by default.
	Bytes int64
	// Age is 5 minutes by default.
	Age time.Duration
}

func (b Bounds) orDefaults() Bounds {
	if b.Envelopes <= 0 {
		b.Envelopes = 1_000
	}
	if b.Bytes <= 0 {
		b.Bytes = 64 << 30
	}
	if b.Age <= 0 {
		b.Age = 5 * time.Minute
	}
	return b
}

// dataKey is a plaintext data key and its use so far.
type dataKey struct {
	plaintext []byte
	encrypted string
	made      time.Time
	envelopes int
	// All writers that use the key count their bytes.
	bytes atomic.Int64
}

// keyring holds the current data key.
type keyring struct {
	keys    Keys
	name    string
	bounds  Bounds
	now     func() time.Time
	turn    chan struct{} // a lock that respects a context
	current *dataKey
}

func newKeyring(keys Keys, name string, bounds Bounds) *keyring {
	return &keyring{keys: keys, name: name, bounds: bounds.orDefaults(), now: time.Now, turn: make(chan struct{}, 1)}
}

// use calls begin with a data key for one envelope. begin must not keep the bytes of the key, which are wiped when the
// key is replaced.
func (k *keyring) use(ctx context.Context, begin func(*dataKey) error) error {
	select {
	case k.turn <- struct{}{}:
		defer func() { <-k.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if k.current == nil || k.exhausted(k.current) {
		k.forget()
		// The age counts from the request, because the response can take long.
		asked := k.now()
		answer, err := k.keys.GenerateDataKey(ctx, &keywayv1.GenerateDataKeyRequest{Name: k.name})
		if err != nil {
			return err
		}
		if len(answer.GetPlaintext()) != dataKeySize {
			return fmt.Errorf("envelope: the data key from the gateway has %d bytes, not %d", len(answer.GetPlaintext()), dataKeySize)
		}
		k.current = &dataKey{plaintext: answer.GetPlaintext(), encrypted: answer.GetCiphertext(), made: asked}
	}
	k.current.envelopes++
	return begin(k.current)
}

func (k *keyring) exhausted(key *dataKey) bool {
	return key.envelopes >= k.bounds.Envelopes || key.bytes.Load() >= k.bounds.Bytes || k.now().Sub(key.made) >= k.bounds.Age
}

func (k *keyring) forget() {
	if k.current != nil {
		clear(k.current.plaintext)
		k.current = nil
	}
}
