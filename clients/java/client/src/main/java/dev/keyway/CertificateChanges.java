package dev.keyway;

import dev.keyway.v1.CertificateEventType;
import dev.keyway.v1.WatchCertificatesResponse;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** Selects the events that are changes for a caller, from the events of consecutive streams. */
final class CertificateChanges {
    private static final State REMOVED = new State(CertificateEventType.CERTIFICATE_EVENT_TYPE_REMOVED, "", "");

    private final Map<String, State> known = new TreeMap<>();
    private String token;
    /** The certificates of this stream. */
    private Set<String> reported = new HashSet<>();

    private boolean isSynced;

    CertificateChanges(String token) {
        this.token = token;
    }

    /** Returns the resume token for a new stream. */
    String begin() {
        reported = new HashSet<>();
        isSynced = false;
        return token;
    }

    /** Takes an event of the stream; returns the events to deliver. */
    List<WatchCertificatesResponse> add(WatchCertificatesResponse event) {
        boolean synced = event.getType() == CertificateEventType.CERTIFICATE_EVENT_TYPE_SYNCED;
        isSynced |= synced;
        // A token from before SYNCED can hide that a certificate no longer exists.
        token = isSynced ? event.getResumeToken() : "";
        if (!synced) {
            reported.add(event.getName());
            return change(event);
        }
        List<WatchCertificatesResponse> events = event.getComplete() ? missing() : new ArrayList<>();
        events.add(event);
        return events;
    }

    private List<WatchCertificatesResponse> change(WatchCertificatesResponse event) {
        State old = known.get(event.getName());
        State state = State.of(event, old);
        if (old != null && state.repeats(old) && event.getCoalescedCount() == 0) {
            return List.of();
        }
        known.put(event.getName(), state);
        boolean isRenewed = event.getType() == CertificateEventType.CERTIFICATE_EVENT_TYPE_CURRENT
                && old != null
                && !old.version().isEmpty()
                && !old.version().equals(event.getVersion());
        return List.of(
                isRenewed
                        ? event.toBuilder()
                                .setType(CertificateEventType.CERTIFICATE_EVENT_TYPE_RENEWED)
                                .build()
                        : event);
    }

    /** Returns a REMOVED event for each known certificate that a complete stream did not report. */
    private List<WatchCertificatesResponse> missing() {
        List<WatchCertificatesResponse> events = new ArrayList<>();
        known.replaceAll((name, state) -> {
            if (reported.contains(name) || state.type() == REMOVED.type()) {
                return state;
            }
            events.add(WatchCertificatesResponse.newBuilder()
                    .setType(REMOVED.type())
                    .setName(name)
                    .setResumeToken(token)
                    .build());
            return REMOVED;
        });
        return events;
    }

    /** What the last event of a certificate says. The type RENEWED is stored as CURRENT. */
    private record State(CertificateEventType type, String version, String reason) {
        static State of(WatchCertificatesResponse event, State old) {
            return switch (event.getType()) {
                case CERTIFICATE_EVENT_TYPE_RENEWED -> new State(
                        CertificateEventType.CERTIFICATE_EVENT_TYPE_CURRENT, event.getVersion(), event.getReason());
                // The caller still has the last version.
                case CERTIFICATE_EVENT_TYPE_UNREADABLE -> new State(
                        event.getType(), old == null ? "" : old.version, event.getReason());
                default -> new State(event.getType(), event.getVersion(), event.getReason());
            };
        }

        /** Returns whether this state says nothing new. CURRENT repeats the version of EXPIRING and EXPIRED, too. */
        boolean repeats(State old) {
            boolean isKnown = type == CertificateEventType.CERTIFICATE_EVENT_TYPE_CURRENT
                    && old.type != CertificateEventType.CERTIFICATE_EVENT_TYPE_UNREADABLE
                    && version.equals(old.version);
            return isKnown || equals(old);
        }
    }
}
