package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	keyway "keyway.dev/clients/go"
	keywayv1 "keyway.dev/clients/go/keyway/v1"
)

const defaultDeadline = 10 * time.Second

// testCase is one of tests/clients/cases.yaml.
type testCase struct {
	Name        string          `json:"name"`
	Listener    string          `json:"listener"`
	Before      orders          `json:"before"`
	Method      string          `json:"method"`
	Request     json.RawMessage `json:"request"`
	Deadline    int             `json:"deadline_ms"`
	CancelAfter int             `json:"cancel_after_ms"`
	RepeatPages bool            `json:"repeat_pages"`
	Retries     bool            `json:"retries"`
	Expect      expectation     `json:"expect"`
}

// orders are one control or a list of them.
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

// outcome is what a call came to, whichever way it went.
type outcome struct {
	response any // protobuf JSON, decoded
	failure  *keyway.Error
	trailers metadata.MD
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
	for _, one := range cases {
		why := one.run(ctx, sandbox)
		if err := lines.Encode(result{one.Name, why == "", why}); err != nil {
			return err
		}
	}
	return nil
}

// run says why the case failed; nothing where it passed.
func (c *testCase) run(ctx context.Context, sandbox *sandbox) string {
	for _, order := range c.Before {
		if err := sandbox.control(ctx, order); err != nil {
			return err.Error()
		}
	}
	var options []keyway.Option
	if !c.Retries {
		options = append(options, keyway.WithoutRetries())
	}
	client, err := sandbox.dial(c.Listener, options...)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = client.Close() }()

	deadline := defaultDeadline
	if c.Deadline > 0 {
		deadline = time.Duration(c.Deadline) * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	if c.CancelAfter > 0 {
		time.AfterFunc(time.Duration(c.CancelAfter)*time.Millisecond, cancel)
	}
	call := c.call
	if c.RepeatPages {
		call = c.callPages
	}
	came, err := call(ctx, client)
	if err != nil {
		return err.Error()
	}
	return strings.Join(c.Expect.differences(came), "; ")
}

// call makes the call through the stubs' connection, by the method's name.
func (c *testCase) call(ctx context.Context, client *keyway.Client) (*outcome, error) {
	request, response, err := messages(c.Method)
	if err != nil {
		return nil, err
	}
	if err := c.decode(request); err != nil {
		return nil, err
	}
	came := &outcome{}
	err = client.Conn().Invoke(ctx, "/"+c.Method, request, response, grpc.Trailer(&came.trailers))
	if err != nil {
		came.failure = keyway.FromError(err)
		return came, nil
	}
	text, err := protojson.Marshal(response)
	if err != nil {
		return nil, err
	}
	return came, json.Unmarshal(text, &came.response)
}

// callPages uses the client's iteration, and answers the names and the number of pages.
func (c *testCase) callPages(ctx context.Context, client *keyway.Client) (*outcome, error) {
	came, names, pages := &outcome{}, []any{}, 0
	trailer := grpc.Trailer(&came.trailers)
	counted := func(err error) bool {
		came.failure = keyway.FromError(err)
		return err == nil
	}
	switch method := c.Method[strings.LastIndex(c.Method, "/")+1:]; method {
	case "ListCertificates":
		request := &keywayv1.ListCertificatesRequest{}
		if err := c.decode(request); err != nil {
			return nil, err
		}
		for _, err := range client.CertificatePages(ctx, request, trailer) {
			if !counted(err) {
				return came, nil
			}
			pages++
		}
		for certificate, err := range client.AllCertificates(ctx, request, trailer) {
			if !counted(err) {
				return came, nil
			}
			names = append(names, certificate.GetName())
		}
	case "ListProviders":
		request := &keywayv1.ListProvidersRequest{}
		if err := c.decode(request); err != nil {
			return nil, err
		}
		for _, err := range client.ProviderPages(ctx, request, trailer) {
			if !counted(err) {
				return came, nil
			}
			pages++
		}
		for provider, err := range client.AllProviders(ctx, request, trailer) {
			if !counted(err) {
				return came, nil
			}
			names = append(names, provider.GetName())
		}
	default:
		return nil, fmt.Errorf("%s has no pages", method)
	}
	came.response = map[string]any{"items": names, "pages": float64(pages)}
	return came, nil
}

func (c *testCase) decode(request proto.Message) error {
	if len(c.Request) == 0 {
		return nil
	}
	return protojson.Unmarshal(c.Request, request)
}

// messages makes an empty request and response of a method such as keyway.v1.KeyService/Encrypt.
func messages(method string) (request, response proto.Message, err error) {
	name := protoreflect.FullName(strings.ReplaceAll(method, "/", "."))
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", method, err)
	}
	described, ok := found.(protoreflect.MethodDescriptor)
	if !ok {
		return nil, nil, fmt.Errorf("%s is not a method", method)
	}
	input, err := protoregistry.GlobalTypes.FindMessageByName(described.Input().FullName())
	if err != nil {
		return nil, nil, err
	}
	output, err := protoregistry.GlobalTypes.FindMessageByName(described.Output().FullName())
	if err != nil {
		return nil, nil, err
	}
	return input.New().Interface(), output.New().Interface(), nil
}
