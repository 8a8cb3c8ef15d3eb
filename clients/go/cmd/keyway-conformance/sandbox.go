package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"

	keyway "keyway.dev/clients/go"
)

// sandbox is the ready line of `python -m gateway sandbox`.
type sandbox struct {
	Plain    string            `json:"plain"`
	MTLS     string            `json:"mtls"`
	JWT      string            `json:"jwt"`
	Controls map[string]string `json:"controls"`
	TLS      struct {
		Authorities string `json:"ca"`
		Certificate string `json:"certificate"`
		PrivateKey  string `json:"private_key"`
	} `json:"tls"`
	Token string `json:"token"`
}

func readSandbox() (*sandbox, error) {
	line := &sandbox{}
	return line, readJSON("KEYWAY_SANDBOX", line)
}

// readJSON reads the file that an environment variable names.
func readJSON(variable string, into any) error {
	content, err := os.ReadFile(os.Getenv(variable))
	if err != nil {
		return fmt.Errorf("%s: %w", variable, err)
	}
	if err := json.Unmarshal(content, into); err != nil {
		return fmt.Errorf("%s: %w", variable, err)
	}
	return nil
}

func (s *sandbox) dial(listener string, options ...keyway.Option) (*keyway.Client, error) {
	switch listener {
	case "", "plain":
		return keyway.Dial(s.Plain, append(options, keyway.WithPlaintext())...)
	case "mtls":
		return keyway.Dial(s.MTLS, append(options, keyway.WithTLS(s.TLS.Authorities), keyway.WithMTLS(s.TLS.Certificate, s.TLS.PrivateKey))...)
	case "jwt":
		return keyway.Dial(s.JWT, append(options, keyway.WithTLS(s.TLS.Authorities), keyway.WithBearerToken(keyway.StaticToken(s.Token)))...)
	}
	return nil, fmt.Errorf("there is no listener %q", listener)
}

// control tells an emulator what to do next.
type control struct {
	Control string          `json:"control"`
	Path    string          `json:"path"`
	Body    json.RawMessage `json:"body"`
}

func (s *sandbox) control(ctx context.Context, order control) error {
	base, known := s.Controls[order.Control]
	if !known {
		return fmt.Errorf("there is no control port of %q", order.Control)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(base, "/")+order.Path, bytes.NewReader(order.Body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("%s answers %s", order.Path, response.Status)
	}
	return nil
}
