package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"

	keyway "keyway.dev/clients/go"
)

// testCase is a case of tests/clients/cases.yaml: a call, and further calls that can use its response.
type testCase struct {
	step
	Name        string  `json:"name"`
	Listener    string  `json:"listener"`
	Certificate *bool   `json:"certificate"`
	Token       *string `json:"token"`
	Before      orders  `json:"before"`
	Retries     bool    `json:"retries"`
	Then        []step  `json:"then"`
}

// orders are one or several control requests.
type orders []control

func (o *orders) UnmarshalJSON(text []byte) error {
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		*o = make(orders, 1)
		return json.Unmarshal(text, &(*o)[0])
	}
	return json.Unmarshal(text, (*[]control)(o))
}

type result struct {
	Case   string `json:"case"`
	Passed bool   `json:"passed"`
	Why    string `json:"why"`
}

func runCases(ctx context.Context, out io.Writer) error {
	sandbox, err := readSandbox()
	if err != nil {
		return err
	}
	var cases []testCase
	if err := readJSON("KEYWAY_CASES", &cases); err != nil {
		return err
	}
	lines := json.NewEncoder(out)
	lines.SetEscapeHTML(false)
	for _, one := range cases {
		why := ""
		if err := one.run(ctx, sandbox); err != nil {
			why = err.Error()
		}
		if err := lines.Encode(result{one.Name, why == "", why}); err != nil {
			return err
		}
	}
	return nil
}

func (c *testCase) run(ctx context.Context, sandbox *sandbox) error {
	if err := sandbox.prepare(ctx, c.Before); err != nil {
		return err
	}
	client, err := c.dial(sandbox)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	c.sandbox = sandbox
	first, err := c.step.run(ctx, client, nil)
	for _, next := range c.Then {
		if err != nil {
			return err
		}
		_, err = next.run(ctx, client, first)
	}
	return err
}

func (c *testCase) dial(sandbox *sandbox) (*keyway.Client, error) {
	var options []keyway.Option
	if !c.Retries {
		options = append(options, keyway.WithoutRetries())
	}
	address, trusted := sandbox.Plain, keyway.WithTLS(sandbox.TLS.Authorities)
	switch c.Listener {
	case "", "plain":
		options = append(options, keyway.WithPlaintext())
	case "watch":
		address, options = strings.Join(sandbox.Watch, ","), append(options, keyway.WithPlaintext())
	case "mtls":
		address, options = sandbox.MTLS, append(options, trusted)
		if c.Certificate == nil || *c.Certificate {
			options = append(options, keyway.WithMTLS(sandbox.TLS.Certificate, sandbox.TLS.PrivateKey))
		}
	case "jwt":
		address, options = sandbox.JWT, append(options, trusted)
		token := sandbox.Token
		if c.Token != nil {
			token = *c.Token
		}
		if token != "" {
			options = append(options, keyway.WithBearerToken(keyway.StaticToken(token)))
		}
	}
	return keyway.Dial(address, options...)
}
