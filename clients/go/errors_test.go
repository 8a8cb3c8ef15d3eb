package keyway_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	keyway "keyway.dev/clients/go"
	keywayv1 "keyway.dev/clients/go/keyway/v1"
)

func detailed(t *testing.T) *status.Status {
	t.Helper()
	plain := status.New(codes.InvalidArgument, "two fields are wrong")
	full, err := plain.WithDetails(
		&errdetails.ErrorInfo{Reason: "INVALID_REQUEST", Domain: "keyway", Metadata: map[string]string{"provider": "nhn-keys"}},
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
			{Field: "name", Description: "is required"}, {Field: "plaintext", Description: "is too long"},
		}},
		&errdetails.RetryInfo{RetryDelay: durationpb.New(1500 * time.Millisecond)},
		&errdetails.RequestInfo{RequestId: "r-1"},
	)
	if err != nil {
		t.Fatal(err)
	}
	return full
}

func failing(t *testing.T) *gateway {
	t.Helper()
	failure := detailed(t).Err()
	return (&gateway{encrypt: func(ctx context.Context, _ *keywayv1.EncryptRequest) (*keywayv1.EncryptResponse, error) {
		trailers := metadata.Pairs("keyway-request-id", "r-1", "keyway-audit-receipt", "gw-1:7:abc")
		if err := grpc.SetTrailer(ctx, trailers); err != nil {
			return nil, err
		}
		return nil, failure
	}}).serve(t)
}

func TestErrorHasTheDetailsOfTheGateway(t *testing.T) {
	client := dial(t, failing(t).address, keyway.WithPlaintext())
	var own metadata.MD
	_, err := client.Keys.Encrypt(t.Context(), &keywayv1.EncryptRequest{}, grpc.Trailer(&own))
	var failure *keyway.Error
	if !errors.As(fmt.Errorf("while ordering: %w", err), &failure) {
		t.Fatal(err)
	}
	expected := keyway.Error{
		Code: codes.InvalidArgument, Reason: "INVALID_REQUEST", Message: "two fields are wrong",
		Metadata:   map[string]string{"provider": "nhn-keys"},
		Violations: []keyway.FieldViolation{{"name", "is required"}, {"plaintext", "is too long"}},
		Retryable:  true, RetryDelay: 1500 * time.Millisecond, RequestID: "r-1", Receipt: "gw-1:7:abc",
	}
	got := keyway.Error{
		Code: failure.Code, Reason: failure.Reason, Message: failure.Message, Metadata: failure.Metadata,
		Violations: failure.Violations, Retryable: failure.Retryable, RetryDelay: failure.RetryDelay,
		RequestID: failure.RequestID, Receipt: failure.Receipt,
	}
	if !reflect.DeepEqual(got, expected) {
		t.Errorf("%+v", got)
	}
	if text := err.Error(); text != "keyway: INVALID_ARGUMENT INVALID_REQUEST: two fields are wrong (request r-1)" {
		t.Error(text)
	}
	if !keyway.HasReason(err, keywayv1.ErrorReason_ERROR_REASON_INVALID_REQUEST) ||
		keyway.HasReason(err, keywayv1.ErrorReason_ERROR_REASON_KEY_NOT_FOUND) {
		t.Error("another reason")
	}
	if status.Code(err) != codes.InvalidArgument || len(status.Convert(err).Details()) != 4 {
		t.Error("gRPC does not understand it")
	}
	if len(own.Get("keyway-request-id")) != 1 {
		t.Error("the caller's own trailers:", own)
	}
}

func TestErrorsOfOtherConnectionsAreConverted(t *testing.T) {
	connection, err := grpc.NewClient(failing(t).address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close() }()
	_, err = keywayv1.NewKeyServiceClient(connection).Encrypt(t.Context(), &keywayv1.EncryptRequest{})
	failure := keyway.FromError(err)
	if failure.Reason != "INVALID_REQUEST" || failure.RequestID != "r-1" || !errors.Is(failure, err) {
		t.Errorf("%+v", failure)
	}
}

func TestErrorsOfBatchItemsAreConverted(t *testing.T) {
	if failure := keyway.FromStatus(detailed(t).Proto()); failure.Reason != "INVALID_REQUEST" || len(failure.Violations) != 2 {
		t.Errorf("%+v", failure)
	}
	if keyway.FromStatus(nil) != nil || keyway.FromStatus(status.New(codes.OK, "").Proto()) != nil {
		t.Error("an item that did not fail")
	}
}

func TestOtherErrorsAreConverted(t *testing.T) {
	if keyway.FromError(nil) != nil {
		t.Error("no error")
	}
	plain := errors.New("not of gRPC")
	for err, code := range map[error]codes.Code{
		plain: codes.Unknown, context.DeadlineExceeded: codes.DeadlineExceeded, context.Canceled: codes.Canceled,
	} {
		if failure := keyway.FromError(err); failure.Code != code || !errors.Is(failure, err) {
			t.Errorf("%v: %+v", err, failure)
		}
	}
	made := &keyway.Error{Code: codes.NotFound, Message: "by a test"}
	if status.Code(made) != codes.NotFound || !strings.Contains(made.Error(), "NOT_FOUND") {
		t.Error(made)
	}
}

func TestConnectionErrorsHaveNoReason(t *testing.T) {
	client := dial(t, "127.0.0.1:1", keyway.WithPlaintext(), keyway.WithoutRetries())
	var failure *keyway.Error
	if err := encrypt(t, client); !errors.As(err, &failure) || failure.Code != codes.Unavailable || failure.Reason != "" {
		t.Error(err)
	}
	waiting := (&gateway{encrypt: func(ctx context.Context, _ *keywayv1.EncryptRequest) (*keywayv1.EncryptResponse, error) {
		<-ctx.Done()
		return nil, status.FromContextError(ctx.Err()).Err()
	}}).serve(t)
	slow := dial(t, waiting.address, keyway.WithPlaintext(), keyway.WithDefaultDeadline(50*time.Millisecond))
	if err := encrypt(t, slow); !errors.As(err, &failure) || failure.Code != codes.DeadlineExceeded {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err := dial(t, waiting.address, keyway.WithPlaintext()).Keys.Encrypt(ctx, &keywayv1.EncryptRequest{})
	if !errors.As(err, &failure) || failure.Code != codes.Canceled {
		t.Error(err)
	}
}
