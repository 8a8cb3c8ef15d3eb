package keyway

import (
	"errors"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	keywayv1 "keyway.dev/clients/go/keyway/v1"
)

const (
	requestIDTrailer = "keyway-request-id"
	receiptTrailer   = "keyway-audit-receipt"
	reasonDomain     = "keyway"
	reasonPrefix     = "ERROR_REASON_"
)

// Error is the error of a failed call. All methods of the stubs of a [Client] return it:
//
//	var failure *keyway.Error
//	if errors.As(err, &failure) && failure.Reason == "KEY_NOT_FOUND" { … }
//
// The functions status.FromError and status.Code of gRPC accept it.
type Error struct {
	// Code is the gRPC status code.
	Code codes.Code
	// Reason is a value of keywayv1.ErrorReason without its prefix, such as KEY_NOT_FOUND. It is empty if the error does
	// not come from the gateway, for example if there is no connection.
	Reason string
	// Message is a description for people. It can change. If the client cannot connect, it is the sentence of the problem.
	Message string
	// Problem is the cause if the client cannot connect or the gateway rejects the caller. It is empty if it is not known.
	Problem Problem
	// Metadata has details of the reason, such as provider, upstream_code and http_status.
	Metadata map[string]string
	// Violations are all invalid fields of the request.
	Violations []FieldViolation
	// Retryable states that a retry is safe. RetryDelay is the time to wait before it.
	Retryable  bool
	RetryDelay time.Duration
	// RequestID identifies the call in the gateway's log and journal.
	RequestID string
	// Receipt identifies the call's record in the journal: chain, sequence and hash. It is empty without a journal.
	Receipt string

	cause  error
	status *status.Status
}

// FieldViolation is an invalid field of a request.
type FieldViolation struct {
	Field       string
	Description string
}

// FromError converts an error of any gRPC stub. It returns nil for nil. An error that does not come from gRPC has the
// code UNKNOWN.
func FromError(err error) *Error {
	if err == nil {
		return nil
	}
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	stated, ok := status.FromError(err)
	if !ok || stated.Code() == codes.OK {
		stated = status.FromContextError(err)
	}
	read := read(stated)
	read.cause = err
	return read
}

// FromStatus converts the status of an item of a batch. It returns nil for OK.
func FromStatus(item *rpcstatus.Status) *Error {
	stated := status.FromProto(item)
	if stated.Code() == codes.OK {
		return nil
	}
	read := read(stated)
	read.cause = stated.Err()
	return read
}

// HasReason reports whether err is an [Error] with this reason.
func HasReason(err error, reason keywayv1.ErrorReason) bool {
	var failure *Error
	return errors.As(err, &failure) && failure.Reason == strings.TrimPrefix(reason.String(), reasonPrefix)
}

// Error returns the status, the reason, the message, how to fix the problem, and the request id.
func (e *Error) Error() string {
	var text strings.Builder
	name := code.Code(e.Code).String()
	text.WriteString("keyway: " + name)
	if e.Reason != "" && e.Reason != name {
		text.WriteString(" " + e.Reason)
	}
	if e.Message != "" {
		text.WriteString(": " + e.Message)
	}
	if e.Reason != "" && e.Problem != "" {
		text.WriteString(": " + e.Problem.fix())
	}
	if e.RequestID != "" {
		text.WriteString(" (request " + e.RequestID + ")")
	}
	return text.String()
}

// Unwrap returns the error of gRPC.
func (e *Error) Unwrap() error { return e.cause }

// GRPCStatus returns the status, for status.FromError and status.Code.
func (e *Error) GRPCStatus() *status.Status {
	if e.status == nil {
		return status.New(e.Code, e.Message)
	}
	return e.status
}

func read(stated *status.Status) *Error {
	e := &Error{Code: stated.Code(), Message: stated.Message(), status: stated}
	for _, detail := range stated.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			// A proxy can add an ErrorInfo of its own domain.
			if detail.GetDomain() == reasonDomain {
				e.Reason, e.Metadata = detail.GetReason(), detail.GetMetadata()
				e.Problem = problemOf(e.Reason, e.Message)
			}
		case *errdetails.BadRequest:
			for _, violation := range detail.GetFieldViolations() {
				e.Violations = append(e.Violations, FieldViolation{violation.GetField(), violation.GetDescription()})
			}
		case *errdetails.RetryInfo:
			e.Retryable, e.RetryDelay = true, detail.GetRetryDelay().AsDuration()
		case *errdetails.RequestInfo:
			e.RequestID = detail.GetRequestId()
		}
	}
	return e
}

// problemOf returns the problem that an error of the gateway states, if it is about the caller.
func problemOf(reason, message string) Problem {
	if reason == "UNAUTHENTICATED" {
		return problemsByMessage[message]
	}
	return problemsByReason[reason]
}

func (e *Error) complete(trailers metadata.MD) {
	if ids := trailers.Get(requestIDTrailer); len(ids) > 0 {
		e.RequestID = ids[0]
	}
	if receipts := trailers.Get(receiptTrailer); len(receipts) > 0 {
		e.Receipt = receipts[0]
	}
}
