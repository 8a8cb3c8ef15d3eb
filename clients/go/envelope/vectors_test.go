package envelope

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"
)

// vectors is the folder with the vectors of all clients.
const vectors = "../../../tests/clients/vectors"

type hexBytes []byte

func (h *hexBytes) UnmarshalJSON(text []byte) error {
	var digits string
	if err := json.Unmarshal(text, &digits); err != nil {
		return err
	}
	var err error
	*h, err = hex.DecodeString(digits)
	return err
}

type vector struct {
	Name           string   `json:"name"`
	DataKey        hexBytes `json:"data_key"`
	Salt           hexBytes `json:"salt"`
	SegmentSize    int      `json:"segment_size"`
	KeyName        string   `json:"key_name"`
	EncryptedKey   string   `json:"encrypted_data_key"`
	AssociatedData hexBytes `json:"associated_data"`
	Plaintext      hexBytes `json:"plaintext"`
	Envelope       hexBytes `json:"envelope"`
}

func readJSON(t testing.TB, file string, into any) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, into); err != nil {
		t.Fatal(file, err)
	}
}

func golden(t testing.TB) []vector {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(vectors, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	for _, file := range files {
		if filepath.Base(file) == "refused.json" {
			continue
		}
		var one vector
		readJSON(t, file, &one)
		all = append(all, one)
	}
	if len(all) < 10 {
		t.Fatalf("%d vectors in %s", len(all), vectors)
	}
	return all
}

func (v *vector) writer(t testing.TB, target io.Writer) *Writer {
	t.Helper()
	head := header{segmentSize: v.SegmentSize, keyName: v.KeyName, encryptedKey: v.EncryptedKey, salt: [saltSize]byte(v.Salt)}
	w, err := newWriter(target, &head, v.DataKey, v.AssociatedData)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestGoldenVectorsAreSealed(t *testing.T) {
	ways := map[string]func(w *Writer, plaintext []byte) error{
		"one call":      func(w *Writer, plaintext []byte) error { _, err := w.Write(plaintext); return err },
		"from a reader": func(w *Writer, plaintext []byte) error { _, err := w.ReadFrom(bytes.NewReader(plaintext)); return err },
		"from a slow reader": func(w *Writer, plaintext []byte) error {
			_, err := w.ReadFrom(iotest.HalfReader(bytes.NewReader(plaintext)))
			return err
		},
		"in odd parts": func(w *Writer, plaintext []byte) error {
			for len(plaintext) > 0 {
				part := min(len(plaintext), 1_237)
				if _, err := w.Write(plaintext[:part]); err != nil {
					return err
				}
				plaintext = plaintext[part:]
			}
			return nil
		},
		"by turns": func(w *Writer, plaintext []byte) error {
			half := len(plaintext) / 2
			if _, err := w.ReadFrom(bytes.NewReader(plaintext[:half])); err != nil {
				return err
			}
			if _, err := w.Write(plaintext[half:]); err != nil {
				return err
			}
			_, err := w.ReadFrom(bytes.NewReader(nil))
			return err
		},
	}
	for _, v := range golden(t) {
		for way, write := range ways {
			t.Run(v.Name+"/"+way, func(t *testing.T) {
				var out bytes.Buffer
				w := v.writer(t, &out)
				before := bytes.Clone(v.Plaintext)
				if err := write(w, v.Plaintext); err != nil {
					t.Fatal(err)
				}
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(out.Bytes(), v.Envelope) {
					t.Error("another envelope")
				}
				if !bytes.Equal(before, v.Plaintext) {
					t.Error("the caller's plaintext was changed")
				}
			})
		}
	}
}

func TestGoldenVectorsAreOpened(t *testing.T) {
	for _, v := range golden(t) {
		t.Run(v.Name, func(t *testing.T) {
			opener := NewOpener(&fixedKey{t: t, key: v.DataKey, name: v.KeyName, encrypted: v.EncryptedKey})
			plaintext, err := opener.Open(t.Context(), v.Envelope, v.AssociatedData)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(plaintext, v.Plaintext) {
				t.Error("another plaintext")
			}
			reader, err := opener.NewReader(t.Context(), iotest.HalfReader(bytes.NewReader(v.Envelope)), v.AssociatedData)
			if err != nil {
				t.Fatal(err)
			}
			if err := iotest.TestReader(reader, v.Plaintext); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestInvalidEnvelopesAreRejected(t *testing.T) {
	var all []vector
	readJSON(t, filepath.Join(vectors, "refused.json"), &all)
	if len(all) < 30 {
		t.Fatalf("%d cases", len(all))
	}
	for _, v := range all {
		t.Run(v.Name, func(t *testing.T) {
			plaintext, err := NewOpener(&fixedKey{t: t, key: v.DataKey}).Open(t.Context(), v.Envelope, v.AssociatedData)
			if !errors.Is(err, ErrRefused) || err.Error() != ErrRefused.Error() {
				t.Errorf("got %v", err)
			}
			if plaintext != nil {
				t.Error("plaintext was given out")
			}
		})
	}
}
