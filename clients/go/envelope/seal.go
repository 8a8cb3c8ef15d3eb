package envelope

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
)

// Sealer seals with data keys of one key. Goroutines can share it.
type Sealer struct {
	ring        *keyring
	segmentSize int
}

// SealerOption is an option of [NewSealer].
type SealerOption func(*Sealer)

// WithBounds limits the use of one data key.
func WithBounds(bounds Bounds) SealerOption {
	return func(s *Sealer) { s.ring.bounds = bounds.orDefaults() }
}

// WithSegmentSize sets the plaintext bytes per segment.
func WithSegmentSize(size int) SealerOption {
	return func(s *Sealer) { s.segmentSize = size }
}

// NewSealer returns a sealer with data keys of the key name, such as providers/nhn-keys/keys/orders-key.
func NewSealer(keys Keys, name string, options ...SealerOption) *Sealer {
	s := &Sealer{ring: newKeyring(keys, name, Bounds{}), segmentSize: DefaultSegmentSize}
	for _, option := range options {
		option(s)
	}
	return s
}

// Seal returns the envelope of plaintext. associatedData can be nil.
func (s *Sealer) Seal(ctx context.Context, plaintext, associatedData []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := s.NewWriter(ctx, &out, associatedData)
	if err != nil {
		return nil, err
	}
	out.Grow(len(w.head) + len(plaintext) + (len(plaintext)/s.segmentSize+1)*tagSize)
	if _, err := w.Write(plaintext); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// NewWriter starts an envelope: the [Writer] seals its input into target. ctx applies to the call to the gateway only.
func (s *Sealer) NewWriter(ctx context.Context, target io.Writer, associatedData []byte) (*Writer, error) {
	var w *Writer
	err := s.ring.use(ctx, func(key *dataKey) error {
		head := header{segmentSize: s.segmentSize, keyName: s.ring.name, encryptedKey: key.encrypted}
		// Never fails: without randomness, the program ends.
		_, _ = rand.Read(head.salt[:])
		var err error
		w, err = newWriter(target, &head, key.plaintext, associatedData)
		if err == nil {
			w.count = func(n int) { key.bytes.Add(int64(n)) }
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return w, nil
}

// Copy seals source into target.
func (s *Sealer) Copy(ctx context.Context, target io.Writer, source io.Reader, associatedData []byte) error {
	w, err := s.NewWriter(ctx, target, associatedData)
	if err != nil {
		return err
	}
	if _, err := w.ReadFrom(source); err != nil {
		return err
	}
	return w.Close()
}
