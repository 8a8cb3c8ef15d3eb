package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"sort"

	"google.golang.org/genproto/googleapis/rpc/code"
)

// expectation is what a call has to come to. What is left out is not looked at.
type expectation struct {
	Status     string            `json:"status"`
	Response   any               `json:"response"`
	Reason     *string           `json:"reason"`
	Metadata   map[string]string `json:"metadata"`
	Violations []string          `json:"violations"`
	RetryInfo  *bool             `json:"retry_info"`
	Trailers   []string          `json:"trailers"`
}

func (e *expectation) differences(came *outcome) []string {
	var all []string
	differ := func(what string, expected, got any) {
		all = append(all, fmt.Sprintf("%s: expected %v, got %v", what, expected, got))
	}

	reason, metadata, retryable := "", map[string]string(nil), false
	status, violations := code.Code_OK.String(), []string{}
	if failure := came.failure; failure != nil {
		status, reason, metadata, retryable = code.Code(failure.Code).String(), failure.Reason, failure.Metadata, failure.Retryable
		for _, violation := range failure.Violations {
			violations = append(violations, violation.Field)
		}
	}
	if e.Status != "" && e.Status != status {
		differ("status", e.Status, fmt.Sprintf("%s %s", status, reason))
	}
	if e.Reason != nil && *e.Reason != reason {
		differ("reason", *e.Reason, reason)
	}
	for name, value := range e.Metadata {
		if metadata[name] != value {
			differ("metadata "+name, value, metadata[name])
		}
	}
	if e.Violations != nil {
		expected := slices.Clone(e.Violations)
		sort.Strings(expected)
		sort.Strings(violations)
		if !slices.Equal(expected, violations) {
			differ("violations", expected, violations)
		}
	}
	if e.RetryInfo != nil && *e.RetryInfo != retryable {
		differ("retry info", *e.RetryInfo, retryable)
	}
	for _, name := range e.Trailers {
		if len(came.trailers.Get(name)) == 0 {
			differ("trailer", name, "none")
		}
	}
	if e.Response != nil && !contains(came.response, e.Response) {
		expected, _ := json.Marshal(e.Response)
		got, _ := json.Marshal(came.response)
		differ("response", string(expected), string(got))
	}
	return all
}

// contains says whether got has all that is expected. Protobuf JSON leaves defaults out, so that what is missing is as
// good as empty.
func contains(got, expected any) bool {
	switch expected := expected.(type) {
	case map[string]any:
		members, ok := got.(map[string]any)
		if !ok && got != nil {
			return false
		}
		for name, value := range expected {
			if !contains(members[name], value) {
				return false
			}
		}
		return true
	case []any:
		items, _ := got.([]any)
		return slices.EqualFunc(items, expected, contains)
	}
	if got == nil && expected != nil {
		return reflect.ValueOf(expected).IsZero()
	}
	return got == expected
}
