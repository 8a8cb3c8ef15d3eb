package main

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	keyway "keyway.dev/clients/go"
	keywayv1 "keyway.dev/clients/go/keyway/v1"
)

// round is a part of a watch: control requests, a pause, and the number of events to read.
type round struct {
	Before orders `json:"before"`
	Pause  int    `json:"pause_ms"`
	Events int    `json:"events"`
}

// watch iterates with the client, and returns the events other than SYNCED.
func (s *step) watch(ctx context.Context, client *keyway.Client, request, _ proto.Message) (*outcome, error) {
	watched, is := request.(*keywayv1.WatchCertificatesRequest)
	if !is {
		return nil, fmt.Errorf("%s is not WatchCertificates", s.Method)
	}
	next, stop := iter.Pull2(client.WatchCertificates(ctx, watched))
	defer stop()
	events := []any{}
	for _, part := range s.Watch {
		if err := s.sandbox.send(ctx, part.Before); err != nil {
			return nil, err
		}
		time.Sleep(time.Duration(part.Pause) * time.Millisecond)
		for wanted := len(events) + part.Events; len(events) < wanted; {
			event, err, _ := next()
			if err != nil {
				return &outcome{failure: keyway.FromError(err)}, nil
			}
			if event.GetType() != keywayv1.CertificateEventType_CERTIFICATE_EVENT_TYPE_SYNCED {
				kind := strings.TrimPrefix(event.GetType().String(), "CERTIFICATE_EVENT_TYPE_")
				events = append(events, kind+" "+event.GetName())
			}
		}
	}
	return &outcome{response: map[string]any{"events": events}}, nil
}
