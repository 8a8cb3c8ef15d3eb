package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/code"
)

// expectation is the expected outcome of a call. Absent members are not checked.
type expectation struct {
	Status     string            `json:"status"`
	Response   any               `json:"response"`
	Present    []string          `json:"present"`
	Absent     []string          `json:"absent"`
	Reason     *string           `json:"reason"`
	Metadata   map[string]string `json:"metadata"`
	Violations []string          `json:"violations"`
	RetryInfo  *bool             `json:"retry_info"`
	Trailers   []string          `json:"trailers"`
}

// check returns all differences to the expectation.
func (e *expectation) check(came *outcome, first map[string]any) error {
	found := observe(came)
	var wrong []string
	differ := func(what string, expected, got any) {
		wrong = append(wrong, fmt.Sprintf("%s: expected %s, got %s", what, inJSON(expected), inJSON(got)))
	}
	if e.Status != found.status {
		differ("status", e.Status, found.status+" "+found.text)
	}
	if expected := filled(e.Response, first); expected != nil && !contains(came.response, expected) {
		differ("response", expected, came.response)
	}
	for _, name := range e.Present {
		if isEmpty(came.response[name]) {
			differ(name, "something", nil)
		}
	}
	for _, name := range e.Absent {
		if !isEmpty(came.response[name]) {
			differ(name, nil, came.response[name])
		}
	}
	if e.Reason != nil && *e.Reason != found.reason {
		differ("reason", *e.Reason, found.reason)
	}
	for name, value := range e.Metadata {
		if found.metadata[name] != value {
			differ("metadata "+name, value, found.metadata[name])
		}
	}
	if e.Violations != nil && !slices.Equal(sorted(e.Violations), sorted(found.violations)) {
		differ("violations", e.Violations, found.violations)
	}
	if e.RetryInfo != nil && *e.RetryInfo != found.retryable {
		differ("retry info", *e.RetryInfo, found.retryable)
	}
	for _, name := range e.Trailers {
		if found.trailers[name] == "" {
			differ("trailer "+name, "something", nil)
		}
	}
	if wrong == nil {
		return nil
	}
	return errors.New(strings.Join(wrong, "; "))
}

// observed is an outcome in the terms of the cases, with the fields of the client's error.
type observed struct {
	status, reason, text string
	metadata             map[string]string
	violations           []string
	retryable            bool
	trailers             map[string]string
}

func observe(came *outcome) observed {
	const requestID, receipt = "keyway-request-id", "keyway-audit-receipt"
	if came.failure == nil {
		trailers := map[string]string{}
		for _, name := range []string{requestID, receipt} {
			trailers[name] = strings.Join(came.trailers.Get(name), ",")
		}
		return observed{status: code.Code_OK.String(), trailers: trailers}
	}
	failure := came.failure
	found := observed{
		status: code.Code(failure.Code).String(), reason: failure.Reason, text: failure.Error(),
		metadata: failure.Metadata, retryable: failure.Retryable,
		trailers: map[string]string{requestID: failure.RequestID, receipt: failure.Receipt},
	}
	for _, violation := range failure.Violations {
		found.violations = append(found.violations, violation.Field)
	}
	return found
}

// contains reports whether got has all expected values. Protobuf JSON omits defaults, so a missing value equals an empty
// one.
func contains(got, expected any) bool {
	if got == nil {
		return isEmpty(expected)
	}
	switch expected := expected.(type) {
	case map[string]any:
		members, is := got.(map[string]any)
		for name, value := range expected {
			if !contains(members[name], value) {
				return false
			}
		}
		return is
	case []any:
		items, is := got.([]any)
		return is && slices.EqualFunc(items, expected, contains)
	}
	return got == expected
}

func isEmpty(value any) bool {
	if value == nil {
		return true
	}
	held := reflect.ValueOf(value)
	return held.IsZero() || ((held.Kind() == reflect.Map || held.Kind() == reflect.Slice) && held.Len() == 0)
}

// sorted returns a sorted set, because a field can occur twice.
func sorted(names []string) []string {
	all := slices.Clone(names)
	slices.Sort(all)
	return slices.Compact(all)
}

func inJSON(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(text)
}
