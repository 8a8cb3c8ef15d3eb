package envelope

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

const (
	dataKeySize = 32
	tagSize     = 16
	prefixSize  = 7
	nonceSize   = 12
	purpose     = "keyway.dev/envelope/v1"
)

// segments seals or opens the segments of one envelope, in order.
type segments struct {
	aead  cipher.AEAD
	nonce [nonceSize]byte
	next  uint64
}

// newSegments derives the key of one envelope from the data key, its header and what goes with it.
func newSegments(dataKey, headerBytes, salt, associatedData []byte) (*segments, error) {
	if len(dataKey) != dataKeySize {
		return nil, fmt.Errorf("envelope: a data key has %d bytes, not %d", dataKeySize, len(dataKey))
	}
	ofHeader, ofAssociated := sha256.Sum256(headerBytes), sha256.Sum256(associatedData)
	info := purpose + string(ofHeader[:]) + string(ofAssociated[:])
	material, err := hkdf.Key(sha256.New, dataKey, salt, info, dataKeySize+prefixSize)
	if err != nil {
		return nil, fmt.Errorf("envelope: %w", err)
	}
	defer clear(material)
	block, err := aes.NewCipher(material[:dataKeySize])
	if err != nil {
		return nil, fmt.Errorf("envelope: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("envelope: %w", err)
	}
	s := &segments{aead: aead}
	copy(s.nonce[:], material[dataKeySize:])
	return s, nil
}

var errTooManySegments = errors.New("envelope: more segments than an envelope can have")

// advance makes the nonce of the next segment.
func (s *segments) advance(last bool) error {
	if s.next > math.MaxUint32 {
		return errTooManySegments
	}
	binary.BigEndian.PutUint32(s.nonce[prefixSize:], uint32(s.next))
	s.nonce[nonceSize-1] = 0
	if last {
		s.nonce[nonceSize-1] = 1
	}
	s.next++
	return nil
}

// seal appends the next segment to target, which may be plaintext[:0].
func (s *segments) seal(target, plaintext []byte, last bool) ([]byte, error) {
	if err := s.advance(last); err != nil {
		return nil, err
	}
	return s.aead.Seal(target, s.nonce[:], plaintext, nil), nil
}

// open appends the plaintext of the next segment to target, which may be sealed[:0], once it has verified.
func (s *segments) open(target, sealed []byte, last bool) ([]byte, error) {
	// Only an envelope of no plaintext has an empty segment.
	if len(sealed) < tagSize || (len(sealed) == tagSize && s.next > 0) {
		return nil, ErrRefused
	}
	if s.advance(last) != nil {
		return nil, ErrRefused
	}
	plaintext, err := s.aead.Open(target, s.nonce[:], sealed, nil)
	if err != nil {
		return nil, ErrRefused
	}
	return plaintext, nil
}
