package envelope

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	keywayv1 "keyway.dev/clients/go/keyway/v1"
)

// Keys makes and unlocks data keys. The field Keys of a keyway.Client is one.
type Keys interface {
	GenerateDataKey(context.Context, *keywayv1.GenerateDataKeyRequest, ...grpc.CallOption) (*keywayv1.GenerateDataKeyResponse, error)
	Decrypt(context.Context, *keywayv1.DecryptRequest, ...grpc.CallOption) (*keywayv1.DecryptResponse, error)
}

// Bounds limit for how much one data key is used before another is asked for, whichever comes first. Zero means the
// default. An envelope that was begun is finished with its key.
type Bounds struct {
	// Envelopes is 1,000 by default; 1 means a data key for every envelope.
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

// dataKey is a key in clear, as the gateway sent it, and how much it was used.
type dataKey struct {
	plaintext []byte
	encrypted string
	made      time.Time
	envelopes int
	// Counted by all writers that seal with the key, while they do.
	bytes atomic.Int64
}

// keyring holds the data key in use.
type keyring struct {
	keys    Keys
	name    string
	bounds  Bounds
	now     func() time.Time
	turn    chan struct{} // a lock that can be waited for with a context
	current *dataKey
}

func newKeyring(keys Keys, name string, bounds Bounds) *keyring {
	return &keyring{keys: keys, name: name, bounds: bounds.orDefaults(), now: time.Now, turn: make(chan struct{}, 1)}
}

// use calls begin with a data key that has something left, for one envelope. The key's bytes are begin's only until it
// returns: they are wiped when another takes their place.
func (k *keyring) use(ctx context.Context, begin func(*dataKey) error) error {
	select {
	case k.turn <- struct{}{}:
		defer func() { <-k.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if k.current == nil || k.exhausted(k.current) {
		k.forget()
		// The answer may have been long on its way: its age counts from the question.
		asked := k.now()
		answer, err := k.keys.GenerateDataKey(ctx, &keywayv1.GenerateDataKeyRequest{Name: k.name})
		if err != nil {
			return err
		}
		if len(answer.GetPlaintext()) != dataKeySize {
			return fmt.Errorf("envelope: the gateway gave a data key of %d bytes, not %d", len(answer.GetPlaintext()), dataKeySize)
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
