package keyway

import (
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	keywayv1 "keyway.dev/clients/go/keyway/v1"
)

const (
	eventCurrent    = keywayv1.CertificateEventType_CERTIFICATE_EVENT_TYPE_CURRENT
	eventRenewed    = keywayv1.CertificateEventType_CERTIFICATE_EVENT_TYPE_RENEWED
	eventRemoved    = keywayv1.CertificateEventType_CERTIFICATE_EVENT_TYPE_REMOVED
	eventSynced     = keywayv1.CertificateEventType_CERTIFICATE_EVENT_TYPE_SYNCED
	eventUnreadable = keywayv1.CertificateEventType_CERTIFICATE_EVENT_TYPE_UNREADABLE
)

// certificateChanges selects the events that are changes for a caller, from the events of consecutive streams.
type certificateChanges struct {
	token string
	known map[string]certificateState
	// reported: the certificates of this stream. isSynced: this stream had SYNCED.
	reported map[string]bool
	isSynced bool
}

// certificateState is what the last event of a certificate says. The type RENEWED is stored as CURRENT.
type certificateState struct {
	event   keywayv1.CertificateEventType
	version string
	reason  string
}

func newCertificateChanges(token string) *certificateChanges {
	return &certificateChanges{token: token, known: map[string]certificateState{}}
}

// begin returns the resume token for a new stream.
func (c *certificateChanges) begin() string {
	c.reported, c.isSynced = map[string]bool{}, false
	return c.token
}

// add takes an event of the stream, and returns the events to deliver.
func (c *certificateChanges) add(event *keywayv1.WatchCertificatesResponse) (news []*keywayv1.WatchCertificatesResponse) {
	c.isSynced = c.isSynced || event.GetType() == eventSynced
	// A token from before SYNCED can hide that a certificate no longer exists.
	c.token = ""
	if c.isSynced {
		c.token = event.GetResumeToken()
	}
	if event.GetType() != eventSynced {
		c.reported[event.GetName()] = true
		if changed := c.change(event); changed != nil {
			news = append(news, changed)
		}
		return news
	}
	if event.GetComplete() {
		news = c.missing()
	}
	return append(news, event)
}

// change returns the event to deliver; nil if it says nothing new.
func (c *certificateChanges) change(event *keywayv1.WatchCertificatesResponse) *keywayv1.WatchCertificatesResponse {
	old, isKnown := c.known[event.GetName()]
	state := certificateState{event.GetType(), event.GetVersion(), event.GetReason()}
	switch state.event {
	case eventRenewed:
		state.event = eventCurrent
	case eventUnreadable:
		state.version = old.version // the caller still has it
	}
	// CURRENT repeats the version of a certificate that was reported as EXPIRING or EXPIRED, too.
	repeats := state.event == eventCurrent && state.version == old.version && old.event != eventUnreadable
	if isKnown && (state == old || repeats) && event.GetCoalescedCount() == 0 {
		return nil
	}
	c.known[event.GetName()] = state
	if event.GetType() == eventCurrent && old.version != "" && old.version != state.version {
		event, _ = proto.Clone(event).(*keywayv1.WatchCertificatesResponse)
		event.Type = eventRenewed
	}
	return event
}

// missing returns a REMOVED event for each known certificate that a complete stream did not report.
func (c *certificateChanges) missing() (events []*keywayv1.WatchCertificatesResponse) {
	for _, name := range slices.Sorted(maps.Keys(c.known)) {
		if state := c.known[name]; !c.reported[name] && state.event != eventRemoved {
			c.known[name] = certificateState{event: eventRemoved}
			events = append(events, &keywayv1.WatchCertificatesResponse{Type: eventRemoved, Name: name, ResumeToken: c.token})
		}
	}
	return events
}
