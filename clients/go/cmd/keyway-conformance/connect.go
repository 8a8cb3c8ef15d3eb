package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"time"

	keyway "keyway.dev/clients/go"
	keywayv1 "keyway.dev/clients/go/keyway/v1"
)

// connection is a line of the list of connections.
type connection struct {
	Name        string `json:"name"`
	Address     string `json:"address"`
	Plaintext   bool   `json:"plaintext"`
	Authorities string `json:"ca"`
	Certificate string `json:"certificate"`
	PrivateKey  string `json:"private_key"`
	ServerName  string `json:"server_name"`
	Token       string `json:"token"`
}

// connected is the result of the first call over a connection.
type connected struct {
	Name    string  `json:"name"`
	Problem string  `json:"problem"` // empty if it is not known
	Text    string  `json:"text"`
	Seconds float64 `json:"seconds"`
}

// connectAll makes the first call over each connection of a list, and prints its error.
func connectAll(ctx context.Context, list string, out io.Writer) error {
	content, err := os.ReadFile(list)
	if err != nil {
		return err
	}
	var connections []connection
	if err := json.Unmarshal(content, &connections); err != nil {
		return err
	}
	lines := json.NewEncoder(out)
	lines.SetEscapeHTML(false)
	for _, one := range connections {
		if err := lines.Encode(one.firstCall(ctx)); err != nil {
			return err
		}
	}
	return nil
}

func (c connection) firstCall(ctx context.Context) connected {
	began := time.Now()
	err := c.call(ctx)
	result := connected{Name: c.Name, Text: "no error", Seconds: time.Since(began).Seconds()}
	var failure *keyway.Error
	if errors.As(err, &failure) {
		result.Problem, result.Text = string(failure.Problem), failure.Error()
	} else if err != nil {
		result.Text = err.Error()
	}
	return result
}

func (c connection) call(ctx context.Context) error {
	client, err := keyway.Dial(c.Address, c.options()...)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	_, err = client.Providers.ListProviders(ctx, &keywayv1.ListProvidersRequest{})
	return err
}

func (c connection) options() []keyway.Option {
	if c.Plaintext {
		return []keyway.Option{keyway.WithPlaintext()}
	}
	options := []keyway.Option{keyway.WithTLS(c.Authorities), keyway.WithServerName(c.ServerName)}
	if c.Certificate != "" {
		options = append(options, keyway.WithMTLS(c.Certificate, c.PrivateKey))
	}
	if c.Token != "" {
		options = append(options, keyway.WithBearerToken(keyway.StaticToken(c.Token)))
	}
	return options
}
