package dev.keyway.envelope;

import java.time.Duration;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/**
 * The current data key. It is replaced when it reaches one of its bounds: envelopes, bytes or age.
 */
final class DataKeys {
    private final Supplier<DataKey> make;
    private final LongSupplier nanoTime;
    private final Bounds bounds;
    private DataKey current;

    DataKeys(Supplier<DataKey> make, Bounds bounds, LongSupplier nanoTime) {
        this.make = make;
        this.bounds = bounds;
        this.nanoTime = nanoTime;
    }

    /**
     * Returns the data key for one more envelope.
     *
     * @param bytes the known plaintext bytes of the envelope; {@link DataKey#used} counts further bytes
     */
    synchronized DataKey forEnvelope(long bytes) {
        if (current == null || !current.allows(bytes, bounds, nanoTime.getAsLong())) {
            current = null;
            // The age counts from the request, because the response can take long.
            long asked = nanoTime.getAsLong();
            DataKey made = make.get();
            made.start(asked);
            current = made;
        }
        current.envelope(bytes);
        return current;
    }

    /** Limits for the use of one data key. The first limit that is reached applies. */
    record Bounds(long envelopes, long bytes, Duration time) {}

    /** A data key and its use so far. */
    static final class DataKey {
        private final byte[] plaintext;
        private final String encrypted;
        private long madeAt;
        private long envelopes;
        private long bytes;

        DataKey(byte[] plaintext, String encrypted) {
            this.plaintext = plaintext;
            this.encrypted = encrypted;
        }

        byte[] plaintext() {
            return plaintext;
        }

        String encrypted() {
            return encrypted;
        }

        /** Counts bytes that were not known in advance. */
        synchronized void used(long more) {
            bytes += more;
        }

        private synchronized void start(long now) {
            madeAt = now;
        }

        private synchronized void envelope(long known) {
            envelopes++;
            bytes += known;
        }

        private synchronized boolean allows(long more, Bounds bounds, long now) {
            return envelopes < bounds.envelopes()
                    && bytes < bounds.bytes()
                    && more <= bounds.bytes() - bytes
                    && now - madeAt < bounds.time().toNanos();
        }
    }
}
