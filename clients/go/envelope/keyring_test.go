package envelope

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

func TestDataKeyIsReplacedAtItsBounds(t *testing.T) {
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

func TestGoroutinesShareASealerAndAnOpener(t *testing.T) {
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

func TestCanceledContextEndsTheWaitForADataKey(t *testing.T) {
	sealer := NewSealer(newGateway(), keyName)
	sealer.ring.turn <- struct{}{} // another goroutine waits for the gateway
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := sealer.Seal(ctx, nil, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
