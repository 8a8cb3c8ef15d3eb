package envelope

import (
	"errors"
	"io"
)

// Writer seals its input. [Writer.Close] completes the envelope; do not call it after a failure. Goroutines cannot share
// a Writer.
type Writer struct {
	target   io.Writer
	head     []byte // written with the first segment
	segments *segments
	count    func(int)
	pending  []byte // plaintext of a segment that can be the last
	spare    []byte
	size     int
	err      error
}

// newWriter starts an envelope. It writes nothing yet, because the target can be slow.
func newWriter(target io.Writer, head *header, dataKey, associatedData []byte) (*Writer, error) {
	raw, err := head.bytes()
	if err != nil {
		return nil, err
	}
	segments, err := newSegments(dataKey, raw, head.salt[:], associatedData)
	if err != nil {
		return nil, err
	}
	return &Writer{target: target, head: raw, segments: segments, count: func(int) {}, size: head.segmentSize}, nil
}

// Write seals p. It can buffer a part of p.
func (w *Writer) Write(p []byte) (int, error) {
	written := 0
	for w.err == nil && written < len(p) {
		rest := p[written:]
		switch {
		case len(w.pending) == w.size:
			// More data follows, so the pending segment is not the last.
			w.emit(w.pending, false)
			w.pending = w.pending[:0]
		case len(w.pending) == 0 && len(rest) > w.size:
			w.emit(rest[:w.size], false)
			written += w.size
		default:
			w.pending = w.buffer(w.pending)
			fill := min(len(rest), w.size-len(w.pending))
			w.pending = append(w.pending, rest[:fill]...)
			written += fill
		}
	}
	return written, w.err
}

// ReadFrom seals source without copying. io.Copy uses it.
func (w *Writer) ReadFrom(source io.Reader) (int64, error) {
	var total int64
	for w.err == nil {
		if len(w.pending) == w.size {
			// Read ahead into the other buffer, then seal this one in place.
			next := w.buffer(w.spare)[:0]
			n, err := io.ReadFull(source, next[:w.size])
			total += int64(n)
			if n > 0 {
				w.emitInPlace(w.pending)
				w.pending, w.spare = next[:n], w.pending[:0]
			} else {
				w.spare = next
			}
			if err != nil {
				return total, w.ended(err)
			}
			continue
		}
		w.pending = w.buffer(w.pending)
		held := len(w.pending)
		n, err := io.ReadFull(source, w.pending[held:w.size])
		total += int64(n)
		w.pending = w.pending[:held+n]
		if err != nil {
			return total, w.ended(err)
		}
	}
	return total, w.err
}

// Close seals the pending data as the last segment. It does not close the target.
func (w *Writer) Close() error {
	if w.err == nil {
		w.emit(w.pending, true)
	}
	clear(w.pending[:cap(w.pending)])
	clear(w.spare[:cap(w.spare)])
	if w.err != nil && !errors.Is(w.err, errClosed) {
		return w.err
	}
	w.err = errClosed
	return nil
}

var errClosed = errors.New("envelope: the writer is closed")

// ended returns nil at the end of the source: another source can follow.
func (w *Writer) ended(err error) error {
	if w.err != nil {
		return w.err
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	// The source is incomplete, so the envelope must not be completed.
	w.err = err
	return err
}

func (w *Writer) emit(plaintext []byte, last bool) {
	w.spare = w.buffer(w.spare)
	w.put(w.spare[:0], plaintext, last)
}

func (w *Writer) emitInPlace(plaintext []byte) { w.put(plaintext[:0], plaintext, false) }

func (w *Writer) put(target, plaintext []byte, last bool) {
	length := len(plaintext)
	sealed, err := w.segments.seal(target, plaintext, last)
	if err == nil && w.head != nil {
		_, err = w.target.Write(w.head)
		w.head = nil
	}
	if err == nil {
		_, err = w.target.Write(sealed)
	}
	if err != nil {
		w.err = err
		return
	}
	w.count(length)
}

// buffer allocates memory for a segment and its tag on first use.
func (w *Writer) buffer(held []byte) []byte {
	if held == nil {
		return make([]byte, 0, w.size+tagSize)
	}
	return held
}
