package envelope

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"testing"
	"testing/iotest"
)

func TestPlaintextIsReleasedSegmentBySegment(t *testing.T) {
	g := newGateway()
	plaintext := pattern(4 * MinimumSegmentSize)
	envelope := sealed(t, g, plaintext, nil)
	segment := MinimumSegmentSize + tagSize
	envelope[len(envelope)-segment-1] ^= 1 // in the third of four
	reader, err := NewOpener(g).NewReader(t.Context(), bytes.NewReader(envelope), nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(reader)
	if !errors.Is(err, ErrRefused) || !bytes.Equal(got, plaintext[:2*MinimumSegmentSize]) {
		t.Errorf("%d bytes, then %v", len(got), err)
	}
	if n, err := reader.Read(make([]byte, 10)); n != 0 || !errors.Is(err, ErrRefused) {
		t.Errorf("after the error: %d bytes, %v", n, err)
	}
}

func TestErrorsOfSourceAndTargetAreReturned(t *testing.T) {
	g := newGateway()
	envelope, broken := sealed(t, g, pattern(3*MinimumSegmentSize), nil), errors.New("the disk is gone")
	for _, whole := range []int{0, 7, len(envelope) / 2, len(envelope) - 1, len(envelope)} {
		source := io.MultiReader(bytes.NewReader(envelope[:whole]), iotest.ErrReader(broken))
		reader, err := NewOpener(g).NewReader(t.Context(), source, nil)
		if err == nil {
			_, err = io.Copy(io.Discard, reader)
		}
		if !errors.Is(err, broken) {
			t.Errorf("after %d bytes: %v", whole, err)
		}
	}
	sealer := NewSealer(g, keyName)
	for _, size := range []int{0, 100, DefaultSegmentSize, DefaultSegmentSize + 1} {
		var out bytes.Buffer
		source := io.MultiReader(bytes.NewReader(pattern(size)), iotest.ErrReader(broken))
		w, err := sealer.NewWriter(t.Context(), &out, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(w, source); !errors.Is(err, broken) {
			t.Errorf("after %d bytes: %v", size, err)
		}
		if err := w.Close(); !errors.Is(err, broken) {
			t.Errorf("closed after %d bytes: %v", size, err)
		}
		if _, err := NewOpener(g).Open(t.Context(), out.Bytes(), nil); !errors.Is(err, ErrRefused) {
			t.Errorf("what is there of %d bytes opens: %v", size, err)
		}
	}
	for limit := range 3 {
		if err := sealer.Copy(t.Context(), &failing{limit, broken}, bytes.NewReader(pattern(2*DefaultSegmentSize)), nil); !errors.Is(err, broken) {
			t.Errorf("target that fails at write %d: %v", limit, err)
		}
	}
}

type failing struct {
	writes int
	err    error
}

func (f *failing) Write(p []byte) (int, error) {
	if f.writes == 0 {
		return 0, f.err
	}
	f.writes--
	return len(p), nil
}

func TestClosedWriterRejectsData(t *testing.T) {
	w, err := NewSealer(newGateway(), keyName).NewWriter(t.Context(), io.Discard, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), w.Close()); err != nil {
		t.Error("closed twice:", err)
	}
	if n, err := w.Write([]byte("late")); n != 0 || err == nil {
		t.Errorf("took %d bytes: %v", n, err)
	}
}

func TestMemoryUseIsConstant(t *testing.T) {
	const size = 256 << 20
	g := newGateway()
	source, target := io.Pipe()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	go func() {
		err := NewSealer(g, keyName).Copy(t.Context(), target, io.LimitReader(zeros{}, size), nil)
		_ = target.CloseWithError(err)
	}()
	reader, err := NewOpener(g).NewReader(t.Context(), source, nil)
	if err != nil {
		t.Fatal(err)
	}
	count, err := io.Copy(io.Discard, reader)
	if err != nil || count != size {
		t.Fatal(count, err)
	}
	runtime.ReadMemStats(&after)
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 2<<20 {
		t.Errorf("%d bytes were allocated for %d", allocated, size)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func BenchmarkSeal(b *testing.B) {
	sealer := NewSealer(newGateway(), keyName)
	b.SetBytes(64 << 20)
	for b.Loop() {
		if err := sealer.Copy(b.Context(), io.Discard, io.LimitReader(zeros{}, 64<<20), nil); err != nil {
			b.Fatal(err)
		}
	}
}
