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

// Error is a call that failed. Every method of a [Client]'s stubs fails with one:
//
//	var failure *keyway.Error
//	if errors.As(err, &failure) && failure.Reason == "KEY_NOT_FOUND" { … }
//
// gRPC's own status.FromError and status.Code understand it as well.
type Error struct {
	// Code is the gRPC status.
	Code codes.Code
	// Reason is a value of keywayv1.ErrorReason without its prefix, such as KEY_NOT_FOUND. Empty where gRPC failed and
	// not the gateway: no connection, the caller's own deadline, a message over the size limit.
	Reason string
	// Message is for people, and may change.
	Message string
	// Metadata tells more of the reason: provider, upstream_code, http_status where there was one.
	Metadata map[string]string
	// Violations are all the fields of the request that break the contract.
	Violations []FieldViolation
	// Retryable says that nothing happened, or that repeating is safe; RetryDelay, how long to wait before that.
	Retryable  bool
	RetryDelay time.Duration
	// RequestID finds the call in the gateway's log and audit record.
	RequestID string
	// Receipt proves later that the call was recorded: chain, sequence and hash. Empty where no journal is kept.
	Receipt string

	cause  error
	status *status.Status
}

// FieldViolation is a field of a request that breaks the contract.
type FieldViolation struct {
	Field       string
	Description string
}

// FromError reads a gRPC error, also one of a stub that is not a [Client]'s. It is nil for nil. What is no gRPC error is
// one of Code UNKNOWN.
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

// FromStatus reads the status of an item that failed in a batch. It is nil where that is OK.
func FromStatus(item *rpcstatus.Status) *Error {
	stated := status.FromProto(item)
	if stated.Code() == codes.OK {
		return nil
	}
	read := read(stated)
	read.cause = stated.Err()
	return read
}

// HasReason says whether err is an [Error] of this reason.
func HasReason(err error, reason keywayv1.ErrorReason) bool {
	var failure *Error
	return errors.As(err, &failure) && failure.Reason == strings.TrimPrefix(reason.String(), reasonPrefix)
}

// Error tells status, reason, message and request id.
func (e *Error) Error() string {
	var text strings.Builder
	text.WriteString("keyway: " + code.Code(e.Code).String())
	if e.Reason != "" {
		text.WriteString(" " + e.Reason)
	}
	if e.Message != "" {
		text.WriteString(": " + e.Message)
	}
	if e.RequestID != "" {
		text.WriteString(" (request " + e.RequestID + ")")
	}
	return text.String()
}

// Unwrap returns the error as gRPC told it.
func (e *Error) Unwrap() error { return e.cause }

// GRPCStatus makes status.FromError and status.Code understand the error.
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
			// A proxy on the way may have reasons of its own.
			if detail.GetDomain() == reasonDomain {
				e.Reason, e.Metadata = detail.GetReason(), detail.GetMetadata()
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

func (e *Error) complete(trailers metadata.MD) {
	if ids := trailers.Get(requestIDTrailer); len(ids) > 0 {
		e.RequestID = ids[0]
	}
	if receipts := trailers.Get(receiptTrailer); len(receipts) > 0 {
		e.Receipt = receipts[0]
	}
}
