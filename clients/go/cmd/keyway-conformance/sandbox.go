package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
)

// sandbox is the line of JSON from `keyway-gateway sandbox`.
type sandbox struct {
	Plain    string            `json:"plain"`
	MTLS     string            `json:"mtls"`
	JWT      string            `json:"jwt"`
	Watch    []string          `json:"watch"`
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

// control sends a request to the control port of an emulator.
type control struct {
	Control string          `json:"control"`
	Path    string          `json:"path"`
	Body    json.RawMessage `json:"body"`
}

// prepare removes all faults and sends the control requests of a case.
func (s *sandbox) prepare(ctx context.Context, orders []control) error {
	for _, base := range s.Controls {
		if err := send(ctx, http.MethodDelete, base+"/faults", nil); err != nil {
			return err
		}
	}
	return s.send(ctx, orders)
}

// send sends control requests.
func (s *sandbox) send(ctx context.Context, orders []control) error {
	for _, order := range orders {
		base, known := s.Controls[order.Control]
		if !known {
			return fmt.Errorf("no control port for %q", order.Control)
		}
		if err := send(ctx, http.MethodPost, base+order.Path, order.Body); err != nil {
			return err
		}
	}
	return nil
}

func send(ctx context.Context, method, url string, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("%s %s returned %s", method, url, response.Status)
	}
	return nil
}
