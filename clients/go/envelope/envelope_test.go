package envelope

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func sealed(t testing.TB, g *gateway, plaintext, associatedData []byte) []byte {
	t.Helper()
	out, err := NewSealer(g, keyName, WithSegmentSize(MinimumSegmentSize)).Seal(t.Context(), plaintext, associatedData)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func pattern(size int) []byte {
	all := make([]byte, size)
	for i := range all {
		all[i] = byte(i * 7 >> 3)
	}
	return all
}

func TestWhatIsSealedIsOpened(t *testing.T) {
	g := newGateway()
	for _, size := range []int{0, 1, MinimumSegmentSize - 1, MinimumSegmentSize, MinimumSegmentSize + 1, 5*MinimumSegmentSize + 3} {
		plaintext, associatedData := pattern(size), []byte("order 42")
		envelope := sealed(t, g, plaintext, associatedData)
		opened, err := NewOpener(g, WithExpectedKeys(keyName)).Open(t.Context(), envelope, associatedData)
		if err != nil || !bytes.Equal(opened, plaintext) {
			t.Errorf("%d bytes: %v", size, err)
		}
		if _, err := NewOpener(g).Open(t.Context(), envelope, nil); !errors.Is(err, ErrRefused) {
			t.Errorf("%d bytes without their associated data: %v", size, err)
		}
	}
}

// Every byte of an envelope counts: none can be changed, left out or added.
func TestEveryChangeIsRefused(t *testing.T) {
	g := newGateway()
	envelope := sealed(t, g, pattern(2*MinimumSegmentSize+100), nil)
	refused := func(what string, changed []byte, at int) {
		t.Helper()
		plaintext, err := NewOpener(g).Open(t.Context(), changed, nil)
		if !errors.Is(err, ErrRefused) || plaintext != nil {
			t.Errorf("%s at %d: %v", what, at, err)
		}
	}
	changed := make([]byte, 0, len(envelope)+1)
	for at := range envelope {
		if at > 200 && at < len(envelope)-200 && at%17 != 0 {
			continue // the middle of segments, in samples
		}
		changed = append(changed[:0], envelope...)
		changed[at] ^= 0x01
		refused("flipped", changed, at)
		refused("cut", envelope[:at], at)
		changed = append(append(append(changed[:0], envelope[:at]...), 0), envelope[at:]...)
		if !bytes.Equal(changed[:len(envelope)], envelope) {
			refused("added", changed, at)
		}
	}
	refused("appended", append(envelope, 0), len(envelope))
}

func TestAnUnexpectedKeyIsRefusedBeforeTheGatewayIsAsked(t *testing.T) {
	g := newGateway()
	envelope := sealed(t, g, []byte("text"), nil)
	for _, names := range [][]string{{"providers/nhn-keys/keys/other"}, {keyName + "-2"}, nil} {
		opener := NewOpener(g, WithExpectedKeys(names...))
		if _, err := opener.Open(t.Context(), envelope, nil); !errors.Is(err, ErrRefused) {
			t.Error(names, err)
		}
	}
	if g.opened != 0 {
		t.Error("the gateway was asked")
	}
}

func TestTheGatewaysOwnErrorsAreToldAsTheyAre(t *testing.T) {
	g := newGateway()
	envelope := sealed(t, g, []byte("text"), nil)
	for code, refuses := range map[codes.Code]bool{
		codes.Unavailable: false, codes.PermissionDenied: false, codes.Unauthenticated: false, codes.FailedPrecondition: false,
		codes.DeadlineExceeded: false, codes.InvalidArgument: true, codes.NotFound: true,
	} {
		g.failure = status.Error(code, "as the gateway says")
		_, err := NewOpener(g).Open(t.Context(), envelope, nil)
		if errors.Is(err, ErrRefused) != refuses || (!refuses && status.Code(err) != code) {
			t.Errorf("%v: %v", code, err)
		}
		if _, err := NewSealer(g, keyName).Seal(t.Context(), nil, nil); status.Code(err) != code {
			t.Errorf("%v while sealing: %v", code, err)
		}
	}
}

// What comes before a change may be read, nothing after it.
func TestPlaintextIsGivenOutSegmentBySegment(t *testing.T) {
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

func TestErrorsOfTheSourceAndTheTargetAreTold(t *testing.T) {
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

func TestAClosedWriterTakesNothing(t *testing.T) {
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

func TestWhatDoesNotFitAHeaderIsNotSealed(t *testing.T) {
	g := newGateway()
	for _, sealer := range []*Sealer{
		NewSealer(g, ""), NewSealer(g, string(make([]byte, maximumKeyName+1))), NewSealer(g, "\xff"),
		NewSealer(g, keyName, WithSegmentSize(0)), NewSealer(g, keyName, WithSegmentSize(MaximumSegmentSize+1)),
	} {
		if _, err := sealer.Seal(t.Context(), []byte("text"), nil); err == nil {
			t.Error("sealed")
		}
	}
}

func TestSegmentsEndWithTheirNumbers(t *testing.T) {
	v := golden(t)[0]
	w := v.writer(t, io.Discard)
	w.segments.next = math.MaxUint32
	if _, err := w.Write(pattern(v.SegmentSize + 1)); err != nil {
		t.Fatal("the last number:", err)
	}
	if err := w.Close(); !errors.Is(err, errTooManySegments) {
		t.Error("one more:", err)
	}
}

func TestADataKeyIsBounded(t *testing.T) {
	seal := func(s *Sealer, size int) {
		t.Helper()
		if _, err := s.Seal(t.Context(), pattern(size), nil); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(what string, g *gateway, keys int) {
		t.Helper()
		if g.keysMade() != keys {
			t.Errorf("%s: %d data keys, not %d", what, g.keysMade(), keys)
		}
	}
	g := newGateway()
	sealer := NewSealer(g, keyName, WithBounds(Bounds{Envelopes: 3}))
	for range 7 {
		seal(sealer, 10)
	}
	expect("envelopes", g, 3)

	g = newGateway()
	sealer = NewSealer(g, keyName, WithBounds(Bounds{Bytes: 100}))
	for range 4 {
		seal(sealer, 50)
	}
	seal(sealer, 0)
	expect("bytes", g, 3)

	g = newGateway()
	sealer, now := NewSealer(g, keyName), time.Now()
	sealer.ring.now = func() time.Time { return now }
	seal(sealer, 10)
	first := sealer.ring.current
	now = now.Add(5*time.Minute - 1)
	seal(sealer, 10)
	expect("before its time is over", g, 1)
	now = now.Add(1)
	seal(sealer, 10)
	expect("after its time is over", g, 2)
	if !bytes.Equal(first.plaintext, make([]byte, dataKeySize)) {
		t.Error("the first data key was not wiped")
	}
}

func TestManyGoroutinesShareASealerAndAnOpener(t *testing.T) {
	g := newGateway()
	sealer, opener := NewSealer(g, keyName, WithBounds(Bounds{Envelopes: 5})), NewOpener(g)
	var group sync.WaitGroup
	for i := range 40 {
		group.Go(func() {
			plaintext := pattern(i * 5_000)
			envelope, err := sealer.Seal(t.Context(), plaintext, nil)
			if err != nil {
				t.Error(err)
				return
			}
			opened, err := opener.Open(t.Context(), envelope, nil)
			if err != nil || !bytes.Equal(opened, plaintext) {
				t.Error(i, err)
			}
		})
	}
	group.Wait()
	if g.keysMade() != 8 {
		t.Errorf("%d data keys for 40 envelopes, 5 each", g.keysMade())
	}
}

func TestWaitingForADataKeyEndsWithTheContext(t *testing.T) {
	sealer := NewSealer(newGateway(), keyName)
	sealer.ring.turn <- struct{}{} // somebody asks the gateway, for long
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := sealer.Seal(ctx, nil, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestFilesAppearOnlyWhole(t *testing.T) {
	g, folder := newGateway(), t.TempDir()
	path := func(name string) string { return filepath.Join(folder, name) }
	plaintext := pattern(300_000)
	if err := os.WriteFile(path("plain"), plaintext, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := NewSealer(g, keyName).SealFile(t.Context(), path("sealed"), path("plain"), []byte("plain")); err != nil {
		t.Fatal(err)
	}
	if err := NewOpener(g).OpenFile(t.Context(), path("opened"), path("sealed"), []byte("plain")); err != nil {
		t.Fatal(err)
	}
	opened, err := os.ReadFile(path("opened"))
	if err != nil || !bytes.Equal(opened, plaintext) {
		t.Error("another content", err)
	}
	envelope, err := os.ReadFile(path("sealed"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path("cut"), envelope[:len(envelope)-1], 0o600); err != nil {
		t.Fatal(err)
	}
	if err := NewOpener(g).OpenFile(t.Context(), path("never"), path("cut"), []byte("plain")); !errors.Is(err, ErrRefused) {
		t.Error(err)
	}
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != 4 {
		t.Errorf("%v, %v", entries, err)
	}
}

// Memory does not grow with what is sealed and opened.
func TestMemoryIsConstant(t *testing.T) {
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
