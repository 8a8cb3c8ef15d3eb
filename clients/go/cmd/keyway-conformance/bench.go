package main

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"os"
	"runtime"
	"syscall"
	"time"

	"google.golang.org/grpc"

	"keyway.dev/clients/go/envelope"
	keywayv1 "keyway.dev/clients/go/keyway/v1"
)

const rounds = 3

// measured is the output of bench: the best of several rounds, in bytes per second.
type measured struct {
	Bytes       int64   `json:"bytes"`
	Seal        float64 `json:"seal"`
	Raw         float64 `json:"raw"`
	Ratio       float64 `json:"ratio"`
	PeakRSSKiB  int64   `json:"peak_rss_kib"`
	SegmentSize int     `json:"segment_size"`
}

// bench seals a file, and encrypts the same file with AES-256-GCM alone in blocks of the segment size. It discards the
// output.
func bench(ctx context.Context, file string, out io.Writer) error {
	found := measured{SegmentSize: envelope.DefaultSegmentSize}
	sealer := envelope.NewSealer(localKeys{}, "providers/bench/keys/bench")
	best := func(best float64, work func(io.Reader) error) (float64, error) {
		in, err := os.Open(file)
		if err != nil {
			return 0, err
		}
		defer func() { _ = in.Close() }()
		counted := &counter{Reader: in}
		began := time.Now()
		if err := work(counted); err != nil {
			return 0, err
		}
		found.Bytes = counted.bytes
		return max(best, float64(counted.bytes)/time.Since(began).Seconds()), nil
	}
	for range rounds {
		var err error
		if found.Raw, err = best(found.Raw, rawGCM); err != nil {
			return err
		}
		if found.Seal, err = best(found.Seal, func(in io.Reader) error { return sealer.Copy(ctx, io.Discard, in, nil) }); err != nil {
			return err
		}
	}
	found.Ratio = found.Seal / found.Raw
	found.PeakRSSKiB = peakRSS()
	return json.NewEncoder(out).Encode(found)
}

func rawGCM(in io.Reader) error {
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return err
	}
	nonce, buffer := make([]byte, 12), make([]byte, envelope.DefaultSegmentSize+aead.Overhead())
	for i := uint32(0); ; i++ {
		n, err := io.ReadFull(in, buffer[:envelope.DefaultSegmentSize])
		binary.BigEndian.PutUint32(nonce, i)
		_ = aead.Seal(buffer[:0], nonce, buffer[:n], nil)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

type counter struct {
	io.Reader
	bytes int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.bytes += int64(n)
	return n, err
}

// peakRSS returns KiB, or 0 if the system does not report it.
func peakRSS() int64 {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	if runtime.GOOS == "darwin" { // reports bytes
		return int64(usage.Maxrss) / 1024
	}
	return int64(usage.Maxrss)
}

// localKeys generates data keys without a gateway, whose speed is not measured.
type localKeys struct{ envelope.Keys }

func (localKeys) GenerateDataKey(
	context.Context, *keywayv1.GenerateDataKeyRequest, ...grpc.CallOption,
) (*keywayv1.GenerateDataKeyResponse, error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	return &keywayv1.GenerateDataKeyResponse{Plaintext: key, Ciphertext: "bench"}, nil
}
