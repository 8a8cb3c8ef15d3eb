package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"
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

// step is a call and its expectation.
type step struct {
	Method          string            `json:"method"`
	Request         any               `json:"request"` // protobuf JSON
	RequestMetadata map[string]string `json:"request_metadata"`
	Deadline        int               `json:"deadline_ms"`
	CancelAfter     int               `json:"cancel_after_ms"`
	RepeatPages     bool              `json:"repeat_pages"`
	Watch           []round           `json:"watch"`
	Expect          expectation       `json:"expect"`

	sandbox *sandbox // of the first step of a case
}

// outcome is the outcome of a call.
type outcome struct {
	response map[string]any // protobuf JSON
	failure  *keyway.Error
	trailers metadata.MD
}

// run returns the response, and an error for an unexpected outcome. first is the response of the first step.
func (s *step) run(ctx context.Context, client *keyway.Client, first map[string]any) (map[string]any, error) {
	deadline := defaultDeadline
	if s.Deadline > 0 {
		deadline = time.Duration(s.Deadline) * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	if s.CancelAfter > 0 {
		time.AfterFunc(time.Duration(s.CancelAfter)*time.Millisecond, cancel)
	}
	for name, value := range s.RequestMetadata {
		ctx = metadata.AppendToOutgoingContext(ctx, name, value)
	}
	request, response, err := s.messages(first)
	if err != nil {
		return nil, err
	}
	call := s.call
	if s.RepeatPages {
		call = s.callPages
	}
	if s.Watch != nil {
		call = s.watch
	}
	came, err := call(ctx, client, request, response)
	if err != nil {
		return nil, err
	}
	if first == nil {
		first = came.response
	}
	return came.response, s.Expect.check(came, first)
}

// call calls a method by name over the connection of the client.
func (s *step) call(ctx context.Context, client *keyway.Client, request, response proto.Message) (*outcome, error) {
	came := &outcome{response: map[string]any{}}
	if err := client.Conn().Invoke(ctx, "/"+s.Method, request, response, grpc.Trailer(&came.trailers)); err != nil {
		if !errors.As(err, &came.failure) {
			return nil, fmt.Errorf("not a *keyway.Error: %w", err)
		}
		return came, nil
	}
	text, err := protojson.Marshal(response)
	if err != nil {
		return nil, err
	}
	return came, json.Unmarshal(text, &came.response)
}

// callPages iterates with the client, and returns the names and the number of pages.
func (s *step) callPages(ctx context.Context, client *keyway.Client, request, _ proto.Message) (*outcome, error) {
	came, calls := &outcome{}, 0
	var names []any
	// gRPC calls it once per finished call.
	counting := grpc.OnFinish(func(error) { calls++ })
	switch request := request.(type) {
	case *keywayv1.ListCertificatesRequest:
		names, came.failure = namesOf(client.AllCertificates(ctx, request, counting, grpc.Trailer(&came.trailers)))
	case *keywayv1.ListProvidersRequest:
		names, came.failure = namesOf(client.AllProviders(ctx, request, counting, grpc.Trailer(&came.trailers)))
	default:
		return nil, fmt.Errorf("%s has no pages", s.Method)
	}
	came.response = map[string]any{"items": names, "pages": float64(calls)}
	return came, nil
}

func namesOf[T interface{ GetName() string }](all iter.Seq2[T, error]) ([]any, *keyway.Error) {
	names := []any{}
	for item, err := range all {
		if err != nil {
			return names, keyway.FromError(err)
		}
		names = append(names, item.GetName())
	}
	return names, nil
}

// messages returns the request of the method and an empty response.
func (s *step) messages(first map[string]any) (request, response proto.Message, err error) {
	name := protoreflect.FullName(strings.ReplaceAll(s.Method, "/", "."))
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", s.Method, err)
	}
	method, ok := found.(protoreflect.MethodDescriptor)
	if !ok {
		return nil, nil, fmt.Errorf("%s is not a method", s.Method)
	}
	input, err := protoregistry.GlobalTypes.FindMessageByName(method.Input().FullName())
	if err != nil {
		return nil, nil, err
	}
	output, err := protoregistry.GlobalTypes.FindMessageByName(method.Output().FullName())
	if err != nil {
		return nil, nil, err
	}
	request, response = input.New().Interface(), output.New().Interface()
	if s.Request == nil {
		return request, response, nil
	}
	text, err := json.Marshal(filled(s.Request, first))
	if err != nil {
		return nil, nil, err
	}
	return request, response, protojson.Unmarshal(text, request)
}

// filled replaces "${path}" by the value in the first response.
func filled(value any, first map[string]any) any {
	switch value := value.(type) {
	case map[string]any:
		all := make(map[string]any, len(value))
		for name, member := range value {
			all[name] = filled(member, first)
		}
		return all
	case []any:
		all := make([]any, len(value))
		for i, item := range value {
			all[i] = filled(item, first)
		}
		return all
	case string:
		if path, is := strings.CutPrefix(value, "${"); is {
			return lookUp(first, strings.TrimSuffix(path, "}"))
		}
	}
	return value
}

func lookUp(first map[string]any, path string) any {
	var at any = first
	for part := range strings.SplitSeq(path, ".") {
		switch inside := at.(type) {
		case map[string]any:
			at = inside[part]
		case []any:
			if i, err := strconv.Atoi(part); err == nil && i < len(inside) {
				at = inside[i]
			}
		}
	}
	return at
}
