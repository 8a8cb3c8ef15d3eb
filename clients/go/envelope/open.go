package envelope

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"

	"google.golang.org/grpc/codes"

	keyway "keyway.dev/clients/go"
	keywayv1 "keyway.dev/clients/go/keyway/v1"
)

// ErrRefused is the error for an envelope that cannot be opened: it is invalid, modified or truncated, or the key or the
// associated data is a different one. It does not state the cause. If the gateway fails or denies the call, the error is
// that of the gateway.
var ErrRefused = errors.New("envelope: cannot be opened")

// Opener opens envelopes. Goroutines can share it.
type Opener struct {
	keys       Keys
	restricted bool
	expected   []string
}

// OpenerOption is an option of [NewOpener].
type OpenerOption func(*Opener)

// WithExpectedKeys rejects envelopes of other keys before the call to the gateway. Without names, it rejects all
// envelopes, so that an empty list does not accept every key.
func WithExpectedKeys(names ...string) OpenerOption {
	return func(o *Opener) { o.restricted, o.expected = true, append(o.expected, names...) }
}

// NewOpener returns an opener that accepts every key that the caller has access to, unless [WithExpectedKeys] is set.
func NewOpener(keys Keys, options ...OpenerOption) *Opener {
	o := &Opener{keys: keys}
	for _, option := range options {
		option(o)
	}
	return o
}

// Open returns the plaintext after verification of the whole envelope.
func (o *Opener) Open(ctx context.Context, envelope, associatedData []byte) ([]byte, error) {
	r, err := o.NewReader(ctx, bytes.NewReader(envelope), associatedData)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.Grow(len(envelope))
	if _, err := r.WriteTo(&out); err != nil {
		clear(out.Bytes())
		return nil, err
	}
	return out.Bytes(), nil
}

// NewReader reads the header of an envelope from source, and decrypts its data key with the gateway. ctx applies to that
// call only.
func (o *Opener) NewReader(ctx context.Context, source io.Reader, associatedData []byte) (*Reader, error) {
	head, raw, err := readHeader(source)
	if err != nil {
		return nil, err
	}
	if o.restricted && !slices.Contains(o.expected, head.keyName) {
		return nil, ErrRefused
	}
	answer, err := o.keys.Decrypt(ctx, &keywayv1.DecryptRequest{
		Name:       head.keyName,
		Ciphertext: head.encryptedKey,
		Encoding:   keywayv1.Encoding_ENCODING_BASE64,
	})
	if err != nil {
		return nil, refuseKey(err)
	}
	defer clear(answer.GetPlaintext())
	segments, err := newSegments(answer.GetPlaintext(), raw, head.salt[:], associatedData)
	if err != nil {
		return nil, ErrRefused
	}
	return &Reader{source: source, segments: segments, size: head.segmentSize}, nil
}

// refuseKey returns ErrRefused if the gateway rejects the key name or the encrypted data key of the envelope, which an
// error with a reason states. Other errors concern the gateway, the network or the permissions of the caller.
func refuseKey(err error) error {
	failure := keyway.FromError(err)
	if failure.Reason == "" {
		return err
	}
	switch failure.Code {
	case codes.InvalidArgument, codes.NotFound, codes.Unimplemented:
		return ErrRefused
	}
	if keyway.HasReason(failure, keywayv1.ErrorReason_ERROR_REASON_PLAINTEXT_NOT_BASE64) {
		return ErrRefused
	}
	return err
}
