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

// ErrRefused is the error of what can't be opened: it is no envelope, it was changed or cut, it is for another key, or the
// associated data is other than that it was sealed with. Which of these it is, is not told. Where the gateway could not
// be asked, or does not let the caller use the key, the error is the gateway's instead.
var ErrRefused = errors.New("envelope: can't be opened")

// Opener opens envelopes. It is safe for use by many goroutines.
type Opener struct {
	keys       Keys
	restricted bool
	expected   []string
}

// OpenerOption changes what [NewOpener] makes.
type OpenerOption func(*Opener)

// WithExpectedKeys refuses envelopes that were sealed with other keys than these, before the gateway is asked. No names
// refuse all: a list that was left empty must not let everything in.
func WithExpectedKeys(names ...string) OpenerOption {
	return func(o *Opener) { o.restricted, o.expected = true, append(o.expected, names...) }
}

// NewOpener opens envelopes with whichever key they name, unless [WithExpectedKeys] says which.
func NewOpener(keys Keys, options ...OpenerOption) *Opener {
	o := &Opener{keys: keys}
	for _, option := range options {
		option(o)
	}
	return o
}

// Open returns what was sealed, after all of it has verified.
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

// NewReader reads the header of an envelope from source, and has the gateway unlock its data key. ctx counts for that call,
// which is over when NewReader returns.
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

// refuseKey tells what speaks of the envelope as ErrRefused: a key's name or an encrypted data key that the gateway itself,
// by its reason, can't make anything of. All else speaks of the gateway, of the way there, or of the caller's rights.
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
