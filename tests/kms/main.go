// A small API server as far as KMS v2 is concerned: it transforms values with the code of kube-apiserver and a plugin.
//
// It reads one command per line, and writes one line of JSON per command:
//
//	poll               call Status, and make a new key with Encrypt if the key ID changed
//	write PATH VALUE   return the stored form of a value (Base64) at a path of etcd
//	read PATH STORED   return the value (Base64) of a stored form
//	restart            forget all keys, as a restart does
//	latency COUNT      call Encrypt and Decrypt COUNT times each, and return their 99th percentiles
package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/apiserver/pkg/storage/value"
	"k8s.io/apiserver/pkg/storage/value/encrypt/envelope/kmsv2"
	"k8s.io/kms/pkg/service"
)

const apiServerID = "sha256:api-server"

type server struct {
	name        string
	writeTTL    time.Duration
	plugin      service.Service
	state       kmsv2.State
	transformer value.Transformer
}

type answer struct {
	Value   string  `json:"value,omitempty"`
	KeyID   string  `json:"key_id,omitempty"`
	Stale   bool    `json:"stale,omitempty"`
	Error   string  `json:"error,omitempty"`
	Encrypt float64 `json:"encrypt_p99_ms,omitempty"`
	Decrypt float64 `json:"decrypt_p99_ms,omitempty"`
}

func main() {
	endpoint := flag.String("endpoint", "", "unix:///PATH of the plugin")
	timeout := flag.Duration("timeout", 3*time.Second, "time limit of a request")
	writeTTL := flag.Duration("write-ttl", 3*time.Minute, "how long writes are possible after the latest successful poll")
	flag.Parse()
	plugin, err := kmsv2.NewGRPCService(context.Background(), *endpoint, "keyway", *timeout)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	running := &server{name: "keyway", writeTTL: *writeTTL, plugin: plugin}
	running.restart()
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16<<20)
	output := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		made, err := running.run(strings.Fields(lines.Text()))
		if err != nil {
			made = answer{Error: err.Error()}
		}
		if err := output.Encode(made); err != nil {
			os.Exit(1)
		}
	}
}

func (s *server) run(words []string) (answer, error) {
	switch {
	case len(words) == 1 && words[0] == "poll":
		return s.poll()
	case len(words) == 1 && words[0] == "restart":
		s.restart()
		return answer{}, nil
	case len(words) == 2 && words[0] == "latency":
		return s.latency(words[1])
	case len(words) == 3 && words[0] == "write":
		return s.transform(words[1], words[2], func(ctx context.Context, data []byte, path value.Context) ([]byte, bool, error) {
			stored, err := s.transformer.TransformToStorage(ctx, data, path)
			return stored, false, err
		})
	case len(words) == 3 && words[0] == "read":
		return s.transform(words[1], words[2], s.transformer.TransformFromStorage)
	}
	return answer{}, errors.New("unknown command")
}

func (s *server) restart() {
	s.state = kmsv2.State{}
	current := func() (kmsv2.State, error) { return s.state, nil }
	s.transformer = kmsv2.NewEnvelopeTransformer(s.plugin, s.name, current, apiServerID)
}

// poll does what kube-apiserver does every minute.
func (s *server) poll() (answer, error) {
	ctx := context.Background()
	status, err := s.plugin.Status(ctx)
	if err != nil {
		return answer{}, err
	}
	if status.Healthz != "ok" || status.Version != kmsv2.KMSAPIVersionv2 {
		return answer{}, fmt.Errorf("unexpected status: %+v", status)
	}
	if _, err := kmsv2.ValidateKeyID(status.KeyID); err != nil {
		return answer{}, err
	}
	expires := time.Now().Add(s.writeTTL)
	if status.KeyID == s.state.EncryptedObjectKeyID {
		s.state.ExpirationTimestamp = expires
		return answer{KeyID: status.KeyID}, nil
	}
	id := string(uuid.NewUUID())
	transformer, made, cacheKey, err := kmsv2.GenerateTransformer(ctx, id, s.plugin, true)
	if err != nil {
		return answer{}, err
	}
	if made.KeyID != status.KeyID {
		return answer{}, errors.New("Encrypt and Status returned different key IDs")
	}
	s.state = kmsv2.State{
		Transformer:                           transformer,
		EncryptedObjectKeyID:                  made.KeyID,
		EncryptedObjectEncryptedDEKSource:     made.EncryptedDEKSource,
		EncryptedObjectAnnotations:            made.Annotations,
		EncryptedObjectEncryptedDEKSourceType: made.EncryptedDEKSourceType,
		UID:                                   id,
		ExpirationTimestamp:                   expires,
		CacheKey:                              cacheKey,
		KMSProviderName:                       s.name,
	}
	return answer{KeyID: status.KeyID}, nil
}

func (s *server) transform(
	path, text string, change func(context.Context, []byte, value.Context) ([]byte, bool, error),
) (answer, error) {
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return answer{}, err
	}
	changed, stale, err := change(context.Background(), data, value.DefaultContext(path))
	if err != nil {
		return answer{}, err
	}
	return answer{Value: base64.StdEncoding.EncodeToString(changed), Stale: stale}, nil
}

func (s *server) latency(text string) (answer, error) {
	count, err := strconv.Atoi(text)
	if err != nil || count < 1 {
		return answer{}, errors.New("latency: the count must be a number of at least 1")
	}
	ctx, plaintext := context.Background(), make([]byte, 32)
	var encrypts, decrypts []float64
	for range count {
		id, start := string(uuid.NewUUID()), time.Now()
		made, err := s.plugin.Encrypt(ctx, id, plaintext)
		if err != nil {
			return answer{}, err
		}
		encrypts, start = append(encrypts, milliseconds(start)), time.Now()
		request := &service.DecryptRequest{Ciphertext: made.Ciphertext, KeyID: made.KeyID, Annotations: made.Annotations}
		if _, err := s.plugin.Decrypt(ctx, id, request); err != nil {
			return answer{}, err
		}
		decrypts = append(decrypts, milliseconds(start))
	}
	return answer{Encrypt: percentile99(encrypts), Decrypt: percentile99(decrypts)}, nil
}

func milliseconds(start time.Time) float64 {
	return float64(time.Since(start).Microseconds()) / 1000
}

func percentile99(values []float64) float64 {
	sort.Float64s(values)
	return values[len(values)*99/100]
}
