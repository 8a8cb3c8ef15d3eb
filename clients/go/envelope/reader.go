package envelope

import (
	"errors"
	"io"
)

// Reader opens an envelope segment by segment. Every byte that it returns is verified, but the data is complete only at
// io.EOF: after any other error, do not use it. [Opener.OpenFile] and [Opener.Open] return complete data only. Goroutines
// cannot share a Reader.
type Reader struct {
	source   io.Reader
	segments *segments
	size     int
	held     []byte // the next segment, sealed
	spare    []byte
	plain    []byte // verified, not yet read
	err      error
}

// Read returns verified data.
func (r *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(r.plain) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		r.advance()
	}
	n := copy(p, r.plain)
	r.plain = r.plain[n:]
	return n, nil
}

// WriteTo writes the plaintext to target without copying. io.Copy uses it.
func (r *Reader) WriteTo(target io.Writer) (int64, error) {
	var total int64
	for {
		if len(r.plain) > 0 {
			n, err := target.Write(r.plain)
			total += int64(n)
			r.plain = r.plain[n:]
			if err != nil {
				return total, err
			}
		}
		if errors.Is(r.err, io.EOF) {
			return total, nil
		}
		if r.err != nil {
			return total, r.err
		}
		r.advance()
	}
}

// advance verifies the next segment. It reads ahead to detect the last one.
func (r *Reader) advance() {
	if r.held == nil {
		r.held, r.spare = make([]byte, r.size+tagSize), make([]byte, r.size+tagSize)
		first, err := r.read(r.held)
		if err != nil {
			r.fail(err)
			return
		}
		r.held = first
	}
	last, next := true, r.spare[:0]
	if len(r.held) == r.size+tagSize {
		var err error
		if next, err = r.read(r.spare[:cap(r.spare)]); err != nil {
			r.fail(err)
			return
		}
		last = len(next) == 0
	}
	plain, err := r.segments.open(r.held[:0], r.held, last)
	if err != nil {
		r.fail(err)
		return
	}
	r.plain = plain
	r.held, r.spare = next, r.held[:cap(r.held)]
	if last {
		r.err = io.EOF
	}
}

// read fills the buffer, or a part of it at the end of the envelope.
func (r *Reader) read(buffer []byte) ([]byte, error) {
	n, err := io.ReadFull(r.source, buffer)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	return buffer[:n], nil
}

func (r *Reader) fail(err error) {
	r.err = err
	clear(r.held)
	clear(r.spare)
}
