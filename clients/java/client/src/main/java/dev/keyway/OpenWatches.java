package dev.keyway;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** The watches of a client that have opened a stream. The end of the client ends their streams. */
final class OpenWatches {
    private final Set<CertificateWatch> watches = ConcurrentHashMap.newKeySet();
    private volatile boolean closed;

    void add(CertificateWatch watch) {
        watches.add(watch);
    }

    void remove(CertificateWatch watch) {
        watches.remove(watch);
    }

    /** Whether the client is closed. */
    boolean isClosed() {
        return closed;
    }

    /** Ends all streams, and those that are opened later. */
    void close() {
        closed = true;
        watches.forEach(CertificateWatch::endStream);
    }
}
