package envelope

import (
	"bytes"
	"errors"
	"path/filepath"
	"testing"
)

// FuzzOpen checks that invalid envelopes are rejected, and that a valid envelope equals the result of sealing its content.
func FuzzOpen(f *testing.F) {
	key := golden(f)[0].DataKey
	for _, v := range golden(f) {
		if len(v.Envelope) < 1<<16 {
			f.Add([]byte(v.DataKey), []byte(v.Envelope), []byte(v.AssociatedData))
		}
	}
	var refused []vector
	readJSON(f, filepath.Join(vectors, "refused.json"), &refused)
	for _, v := range refused {
		f.Add([]byte(v.DataKey), []byte(v.Envelope), []byte(v.AssociatedData))
	}
	f.Add([]byte(key), []byte(magic), []byte(nil))
	f.Fuzz(func(t *testing.T, key, envelope, associatedData []byte) {
		plaintext, err := NewOpener(&fixedKey{t: t, key: key}).Open(t.Context(), envelope, associatedData)
		if err != nil {
			if !errors.Is(err, ErrRefused) || plaintext != nil {
				t.Fatalf("%d bytes, %v", len(plaintext), err)
			}
			return
		}
		head, _, err := readHeader(bytes.NewReader(envelope))
		if err != nil {
			t.Fatal(err)
		}
		var again bytes.Buffer
		w, err := newWriter(&again, head, key, associatedData)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(plaintext); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again.Bytes(), envelope) {
			t.Error("two envelopes of one plaintext, header and key")
		}
	})
}
