package envelope

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

const (
	magic = "KWE1"

	// DefaultSegmentSize is the default number of plaintext bytes per segment.
	DefaultSegmentSize = 65_536
	// MinimumSegmentSize and MaximumSegmentSize are the limits of the segment size.
	MinimumSegmentSize = 4_096
	MaximumSegmentSize = 1_048_576

	maximumKeyName      = 4_096
	maximumEncryptedKey = 65_535
	saltSize            = 32
)

// header is the header of an envelope.
type header struct {
	segmentSize  int
	keyName      string
	encryptedKey string
	salt         [saltSize]byte
}

// bytes encodes the header. It returns an error for invalid fields.
func (h *header) bytes() ([]byte, error) {
	switch {
	case h.segmentSize < MinimumSegmentSize || h.segmentSize > MaximumSegmentSize:
		return nil, fmt.Errorf("envelope: the segment size must be %d to %d bytes, not %d", MinimumSegmentSize, MaximumSegmentSize, h.segmentSize)
	case !fits(h.keyName, maximumKeyName):
		return nil, errors.New("envelope: the key name is empty, too long or not UTF-8")
	case !fits(h.encryptedKey, maximumEncryptedKey):
		return nil, errors.New("envelope: the encrypted data key is empty, too long or not UTF-8")
	}
	out := make([]byte, 0, len(magic)+4+2+len(h.keyName)+2+len(h.encryptedKey)+saltSize)
	out = append(out, magic...)
	out = binary.BigEndian.AppendUint32(out, uint32(h.segmentSize))
	out = binary.BigEndian.AppendUint16(out, uint16(len(h.keyName)))
	out = append(out, h.keyName...)
	out = binary.BigEndian.AppendUint16(out, uint16(len(h.encryptedKey)))
	out = append(out, h.encryptedKey...)
	return append(out, h.salt[:]...), nil
}

func fits(text string, maximum int) bool {
	return text != "" && len(text) <= maximum && utf8.ValidString(text)
}

// readHeader reads the header, and no byte more, and also returns its bytes. It returns ErrRefused for an invalid header.
func readHeader(source io.Reader) (*header, []byte, error) {
	var raw bytes.Buffer
	take := func(count int) ([]byte, error) {
		start := raw.Len()
		// Allocate as data arrives, because the length is not authenticated.
		if _, err := io.CopyN(&raw, source, int64(count)); err != nil {
			return nil, refuseEnd(err)
		}
		return raw.Bytes()[start:], nil
	}
	takeText := func(maximum int) (string, error) {
		length, err := take(2)
		if err != nil {
			return "", err
		}
		text, err := take(int(binary.BigEndian.Uint16(length)))
		if err != nil {
			return "", err
		}
		if !fits(string(text), maximum) {
			return "", ErrRefused
		}
		return string(text), nil
	}

	start, err := take(len(magic) + 4)
	if err != nil {
		return nil, nil, err
	}
	size := binary.BigEndian.Uint32(start[len(magic):])
	if string(start[:len(magic)]) != magic || size < MinimumSegmentSize || size > MaximumSegmentSize {
		return nil, nil, ErrRefused
	}
	h := &header{segmentSize: int(size)}
	if h.keyName, err = takeText(maximumKeyName); err != nil {
		return nil, nil, err
	}
	if h.encryptedKey, err = takeText(maximumEncryptedKey); err != nil {
		return nil, nil, err
	}
	salt, err := take(saltSize)
	if err != nil {
		return nil, nil, err
	}
	copy(h.salt[:], salt)
	return h, raw.Bytes(), nil
}

// refuseEnd returns ErrRefused for an unexpected end, and other errors of the source unchanged.
func refuseEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrRefused
	}
	return err
}
