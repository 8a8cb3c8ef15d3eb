package keyway_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	keyway "keyway.dev/clients/go"
	keywayv1 "keyway.dev/clients/go/keyway/v1"
)

// watchScenario is a scenario of tests/clients/watches.json: the streams of a gateway, and what the client delivers.
type watchScenario struct {
	Name         string
	RequestToken string `json:"request_token"`
	Streams      []scriptedStream
	Delivered    []string
	Error        string
}

type scriptedStream struct {
	Token  string
	Events []struct {
		Type, Name, Version, Token, Reason string
		Complete                           bool
		Coalesced                          int32
	}
	// End is the status of the stream. Without it, the stream stays open.
	End *struct {
		Status       codes.Code
		Reason       string
		RetryDelayMS int64 `json:"retry_delay_ms"`
	}
}

func (s scriptedStream) send(stream watchStream) error {
	for _, each := range s.Events {
		err := stream.Send(&keywayv1.WatchCertificatesResponse{
			Type: keywayv1.CertificateEventType(keywayv1.CertificateEventType_value["CERTIFICATE_EVENT_TYPE_"+each.Type]),
			Name: each.Name, Version: each.Version, ResumeToken: each.Token, Reason: each.Reason, Complete: each.Complete,
			CoalescedCount: each.Coalesced,
		})
		if err != nil {
			return err
		}
	}
	if s.End == nil {
		<-stream.Context().Done()
		return stream.Context().Err()
	}
	ended := status.New(s.End.Status, "the end")
	if s.End.Reason != "" {
		ended, _ = ended.WithDetails(&errdetails.ErrorInfo{Reason: s.End.Reason, Domain: "keyway"})
	}
	if s.End.RetryDelayMS > 0 {
		delay := time.Duration(s.End.RetryDelayMS) * time.Millisecond
		ended, _ = ended.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(delay)})
	}
	return ended.Err()
}

func TestWatchDeliversTheChanges(t *testing.T) {
	content, err := os.ReadFile("../../tests/clients/watches.json")
	if err != nil {
		t.Fatal(err)
	}
	var scenarios []watchScenario
	if err := json.Unmarshal(content, &scenarios); err != nil {
		t.Fatal(err)
	}
	for _, scenario := range scenarios {
		t.Run(scenario.Name, func(t *testing.T) {
			t.Parallel()
			scenario.check(t)
		})
	}
}

func (s watchScenario) check(t *testing.T) {
	var lock sync.Mutex
	var tokens []string
	g := &gateway{watch: func(request *keywayv1.WatchCertificatesRequest, stream watchStream) error {
		lock.Lock()
		tokens = append(tokens, request.GetResumeToken())
		number := len(tokens) - 1
		lock.Unlock()
		if number >= len(s.Streams) {
			return status.Error(codes.Aborted, "one stream too many")
		}
		return s.Streams[number].send(stream)
	}}
	g.serve(t)
	client := dial(t, g.address, keyway.WithPlaintext(), keyway.WithoutRetries())
	request := &keywayv1.WatchCertificatesRequest{Parent: "providers/p", ResumeToken: s.RequestToken}
	delivered, failure := []string{}, ""
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Second)
	defer cancel()
	for event, err := range client.WatchCertificates(ctx, request) {
		if err != nil {
			failure = strings.ToUpper(keyway.FromError(err).Code.String())
			break
		}
		kind := strings.TrimPrefix(event.GetType().String(), "CERTIFICATE_EVENT_TYPE_")
		delivered = append(delivered, strings.TrimSpace(fmt.Sprintf("%s %s %s", kind, event.GetName(), event.GetVersion())))
		if s.Error == "" && len(delivered) == len(s.Delivered) {
			break
		}
	}
	var expected []string
	for _, stream := range s.Streams {
		expected = append(expected, stream.Token)
	}
	if !slices.Equal(delivered, s.Delivered) || failure != strings.ReplaceAll(s.Error, "_", "") || !slices.Equal(tokens, expected) {
		t.Errorf("delivered %q, error %q, tokens %q", delivered, failure, tokens)
	}
	if request.GetResumeToken() != s.RequestToken {
		t.Error("the caller's request was changed")
	}
}

// watching returns a gateway that counts its streams. Each sends SYNCED and then waits until the client ends it.
func watching(t *testing.T) (g *gateway, ended chan struct{}) {
	t.Helper()
	ended = make(chan struct{}, 10)
	g = &gateway{watch: func(_ *keywayv1.WatchCertificatesRequest, stream watchStream) error {
		if err := stream.Send(synced("t")); err != nil {
			return err
		}
		<-stream.Context().Done()
		ended <- struct{}{}
		return stream.Context().Err()
	}}
	return g.serve(t), ended
}

func synced(token string) *keywayv1.WatchCertificatesResponse {
	return &keywayv1.WatchCertificatesResponse{
		Type: keywayv1.CertificateEventType_CERTIFICATE_EVENT_TYPE_SYNCED, ResumeToken: token,
	}
}

func await(t *testing.T, ended <-chan struct{}) {
	t.Helper()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Error("the stream is still open")
	}
}

func TestWatchEndsWithItsContext(t *testing.T) {
	g, ended := watching(t)
	client := dial(t, g.address, keyway.WithPlaintext())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var failures []error
	for event, err := range client.WatchCertificates(ctx, nil) {
		if event.GetResumeToken() == "t" {
			cancel()
		}
		if err != nil {
			failures = append(failures, err)
		}
	}
	if len(failures) != 1 || status.Code(failures[0]) != codes.Canceled || g.calls.Load() != 1 {
		t.Errorf("%d streams, %v", g.calls.Load(), failures)
	}
	await(t, ended)
}

func TestWatchHasOnlyTheDeadlineOfItsContext(t *testing.T) {
	g, _ := watching(t)
	client := dial(t, g.address, keyway.WithPlaintext(), keyway.WithDefaultDeadline(time.Millisecond))
	var last error
	events := 0
	// On a busy machine, a short deadline can end before the first event.
	for deadline := 300 * time.Millisecond; events == 0 && deadline < time.Minute; deadline *= 10 {
		ctx, cancel := context.WithTimeout(t.Context(), deadline)
		for _, err := range client.WatchCertificates(ctx, nil) {
			if last = err; err == nil {
				events++
			}
		}
		cancel()
	}
	if events != 1 || status.Code(last) != codes.DeadlineExceeded {
		t.Errorf("%d events, %v", events, last)
	}
}

func TestLeavingTheLoopEndsTheStream(t *testing.T) {
	g, ended := watching(t)
	for _, err := range dial(t, g.address, keyway.WithPlaintext()).WatchCertificates(t.Context(), nil) {
		if err != nil {
			t.Error(err)
		}
		break
	}
	await(t, ended)
}

func TestWatchGoesOnAtAnotherGateway(t *testing.T) {
	first, _ := watching(t)
	second, _ := watching(t)
	client := dial(t, first.address+","+second.address, keyway.WithPlaintext())
	lost := make(chan struct{}, 2)
	go func() {
		for range lost {
			used, other := first, second
			if first.calls.Load() == 0 {
				used, other = second, first
			}
			other.watch = func(request *keywayv1.WatchCertificatesRequest, stream watchStream) error {
				return stream.Send(&keywayv1.WatchCertificatesResponse{Name: "from the other", Version: request.GetResumeToken()})
			}
			used.server.Stop()
		}
	}()
	defer close(lost)
	for event, err := range client.WatchCertificates(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if event.GetName() == "" {
			lost <- struct{}{}
			continue
		}
		if event.GetVersion() != "t" {
			t.Errorf("token %q", event.GetVersion())
		}
		break
	}
}

func TestWatchAtARefusedPortFailsImmediately(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	client := dial(t, listener.Addr().String(), keyway.WithPlaintext())
	for _, err := range client.WatchCertificates(t.Context(), nil) {
		var failure *keyway.Error
		if !errors.As(err, &failure) || failure.Problem != keyway.ProblemRefused {
			t.Error(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	for _, err := range client.WatchCertificates(ctx, nil, grpc.WaitForReady(true)) {
		if status.Code(err) != codes.DeadlineExceeded {
			t.Error(err)
		}
	}
}

func TestErrorsOfStreamsHaveDetails(t *testing.T) {
	g := &gateway{watch: func(*keywayv1.WatchCertificatesRequest, watchStream) error { return detailed(t).Err() }}
	g.serve(t)
	stream, err := dial(t, g.address, keyway.WithPlaintext()).Certificates.WatchCertificates(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = stream.Recv()
	var failure *keyway.Error
	if !errors.As(err, &failure) || failure.Reason != "INVALID_REQUEST" || failure.RequestID != "r-1" {
		t.Error(err)
	}
}
