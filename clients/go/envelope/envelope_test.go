package envelope

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"

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

func TestSealedDataIsOpened(t *testing.T) {
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

// No byte of an envelope can be changed, removed or added.

func TestModifiedEnvelopesAreRejected(t *testing.T) {
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
			continue // samples are enough in the middle of segments
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

func TestUnexpectedKeyIsRejectedWithoutACall(t *testing.T) {
	g := newGateway()
	envelope := sealed(t, g, []byte("text"), nil)
	for _, names := range [][]string{{"providers/nhn-keys/keys/other"}, {keyName + "-2"}, nil} {
		opener := NewOpener(g, WithExpectedKeys(names...))
		if _, err := opener.Open(t.Context(), envelope, nil); !errors.Is(err, ErrRefused) {
			t.Error(names, err)
		}
	}
	if g.opened != 0 {
		t.Error("the gateway was called")
	}
}

func TestErrorsOfTheGatewayAreReturned(t *testing.T) {
	g := newGateway()
	envelope := sealed(t, g, []byte("text"), nil)
	for _, failure := range []struct {
		code           codes.Code
		reason, domain string
		refuses        bool
	}{
		{codes.InvalidArgument, "INVALID_USER_DATA", "keyway", true},
		{codes.NotFound, "KEY_NOT_FOUND", "keyway", true},
		{codes.Unimplemented, "METHOD_NOT_SUPPORTED_BY_PROVIDER", "keyway", true},
		{codes.FailedPrecondition, "PLAINTEXT_NOT_BASE64", "keyway", true},
		{codes.FailedPrecondition, "KEY_NOT_ACTIVE", "keyway", false},
		{codes.PermissionDenied, "PERMISSION_DENIED", "keyway", false},
		{codes.Unauthenticated, "UNAUTHENTICATED", "keyway", false},
		{codes.Unavailable, "PROVIDER_BUSY", "keyway", false},
		{codes.DeadlineExceeded, "PROVIDER_TIMEOUT", "keyway", false},
		{codes.OutOfRange, "OTHER", "keyway", false},
		{codes.NotFound, "ROUTE_NOT_FOUND", "proxy.example", false},
		{codes.Unimplemented, "", "keyway", false},
	} {
		g.failure = said(failure.code, failure.reason, failure.domain)
		_, err := NewOpener(g).Open(t.Context(), envelope, nil)
		if errors.Is(err, ErrRefused) != failure.refuses || (!failure.refuses && status.Code(err) != failure.code) {
			t.Errorf("%v: %v", failure, err)
		}
		if _, err := NewSealer(g, keyName).Seal(t.Context(), nil, nil); status.Code(err) != failure.code {
			t.Errorf("%v while sealing: %v", failure, err)
		}
	}
}

func TestInvalidHeaderFieldsAreRejected(t *testing.T) {
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

func TestSegmentNumbersAreLimited(t *testing.T) {
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

func TestOnlyCompleteFilesAreCreated(t *testing.T) {
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

// Memory use is independent of the size of the data.
