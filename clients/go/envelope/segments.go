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

// newSegments derives the key of one envelope from the data key, the header and the associated data.
func newSegments(dataKey, headerBytes, salt, associatedData []byte) (*segments, error) {
	if len(dataKey) != dataKeySize {
		return nil, fmt.Errorf("envelope: a data key must have %d bytes, not %d", dataKeySize, len(dataKey))
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

var errTooManySegments = errors.New("envelope: too many segments")

// advance returns the nonce of the next segment.
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

// seal appends the next segment to target, which can be plaintext[:0].
func (s *segments) seal(target, plaintext []byte, last bool) ([]byte, error) {
	if err := s.advance(last); err != nil {
		return nil, err
	}
	return s.aead.Seal(target, s.nonce[:], plaintext, nil), nil
}

// open verifies the next segment and appends its plaintext to target, which can be sealed[:0].
func (s *segments) open(target, sealed []byte, last bool) ([]byte, error) {
	// A segment is empty only if the plaintext is empty.
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
