package dev.keyway;

import dev.keyway.v1.CertificateServiceGrpc.CertificateServiceBlockingStub;
import dev.keyway.v1.WatchCertificatesRequest;
import dev.keyway.v1.WatchCertificatesResponse;
import io.grpc.Context;
import io.grpc.Context.CancellableContext;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Queue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * The events of certificates, without an end: if the stream is interrupted, it is opened again, and the events that say
 * nothing new are left out. SYNCED comes when the client has all changes, so also after each interruption. {@link
 * KeywayClient#watchCertificates} creates it.
 *
 * <p>One thread reads the events. It waits in {@code hasNext} and {@code next}. Another thread can {@link #close} the
 * watch, which ends the iteration. An interrupt of the reading thread throws {@link KeywayException} with the code
 * CANCELLED, and the end of the client with the code UNAVAILABLE.
 *
 * <p>An error before the first event throws {@link KeywayException}, as does a later error that a new stream cannot
 * repair, such as PERMISSION_DENIED.
 *
 * <p>To continue in another process, store the resume token of SYNCED or of a later event, and pass it in the request.
 */
public final class CertificateWatch implements Iterable<WatchCertificatesResponse>, AutoCloseable {
    private final CertificateServiceBlockingStub stub;
    private final WatchCertificatesRequest request;
    private final OpenWatches watches;
    private final CertificateChanges changes;
    private final ReopenDelays delays = new ReopenDelays();
    /** Released by the end of the watch or of the client. */
    private final CountDownLatch ended = new CountDownLatch(1);
    private final Iterator<WatchCertificatesResponse> iterator = new Events();
    /** The context of the current stream. Its cancellation ends the stream. */
    private volatile CancellableContext context;
    private volatile boolean closed;

    CertificateWatch(CertificateServiceBlockingStub stub, WatchCertificatesRequest request, OpenWatches watches) {
        this.stub = stub;
        this.request = request;
        this.watches = watches;
        changes = new CertificateChanges(request.getResumeToken());
    }

    /** The events. Every call returns the same iterator. */
    @Override
    public Iterator<WatchCertificatesResponse> iterator() {
        return iterator;
    }

    /** Ends the iteration and the stream. */
    @Override
    public void close() {
        closed = true;
        watches.remove(this);
        endStream();
    }

    /** Ends the stream, and the wait for a new one. The reading thread then notices what was closed. */
    void endStream() {
        ended.countDown();
        cancel();
    }

    private void cancel() {
        CancellableContext current = context;
        if (current != null) {
            current.cancel(null);
        }
    }

    private Iterator<WatchCertificatesResponse> open() {
        context = Context.current().withCancellation();
        watches.add(this);
        if (closed || watches.isClosed()) {
            cancel();
        }
        Context previous = context.attach();
        try {
            return stub.watchCertificates(
                    request.toBuilder().setResumeToken(changes.begin()).build());
        } finally {
            context.detach(previous);
        }
    }

    private void pause(Duration delay) {
        try {
            ended.await(delay.toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            close();
            throw KeywayException.from(Status.CANCELLED
                    .withDescription("The thread was interrupted.")
                    .withCause(interrupted)
                    .asRuntimeException());
        }
    }

    /** Returns whether a new stream can repair a failure. received: the stream had an event. */
    private static boolean canReopen(KeywayException failure, boolean received) {
        if (failure.code() == Status.Code.UNAVAILABLE || failure.retryDelay().isPresent()) {
            return true;
        }
        return switch (failure.code()) {
            // The credential has expired; the next stream sends a new one.
            case UNAUTHENTICATED -> received;
            // Without a reason: a proxy has interrupted the stream.
            case INTERNAL, UNKNOWN, CANCELLED -> received && failure.reason().isEmpty();
            default -> false;
        };
    }

    /** Reads one stream after the other. */
    private final class Events implements Iterator<WatchCertificatesResponse> {
        private final Queue<WatchCertificatesResponse> waiting = new ArrayDeque<>();
        /** Null if no stream is open. */
        private Iterator<WatchCertificatesResponse> stream;
        /** Whether any stream had an event. */
        private boolean began;
        /** Whether the current stream had an event. */
        private boolean received;

        @Override
        public boolean hasNext() {
            while (waiting.isEmpty() && !closed) {
                read();
            }
            return !closed;
        }

        @Override
        public WatchCertificatesResponse next() {
            if (!hasNext()) {
                throw new NoSuchElementException();
            }
            return waiting.remove();
        }

        private void read() {
            if (stream == null) {
                received = false;
                stream = open();
            }
            try {
                if (stream.hasNext()) {
                    add(stream.next());
                } else {
                    reopen(null);
                }
            } catch (StatusRuntimeException failure) {
                reopen(KeywayException.from(failure));
            }
        }

        private void add(WatchCertificatesResponse event) {
            began = true;
            received = true;
            delays.reset();
            waiting.addAll(changes.add(event));
        }

        /** Waits until a new stream can be opened. failure: null if the gateway ended the stream without an error. */
        private void reopen(KeywayException failure) {
            stream = null;
            cancel();
            if (closed) {
                return;
            }
            if (watches.isClosed()) {
                close();
                throw KeywayException.from(Status.UNAVAILABLE
                        .withDescription("The client is closed.")
                        .withCause(failure)
                        .asRuntimeException());
            }
            if (failure != null && (!began || !canReopen(failure, received))) {
                close();
                throw failure;
            }
            pause(delays.next(failure == null ? Duration.ZERO : failure.retryDelay().orElse(Duration.ZERO)));
        }
    }
}
