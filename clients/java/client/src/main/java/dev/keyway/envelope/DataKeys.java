package dev.keyway.envelope;

import java.time.Duration;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/**
 * The data key that is in use, and its bounds: by envelopes, bytes and time. Responsible for asking for another where
 * one of them is reached.
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
     * The key for one more envelope.
     *
     * @param bytes how many the envelope will have, as far as that is known; the rest is told by {@link DataKey#used}
     */
    synchronized DataKey forEnvelope(long bytes) {
        if (current == null || !current.allows(bytes, bounds, nanoTime.getAsLong())) {
            current = null;
            // The answer may have been long on its way: a key's age counts from the question.
            long asked = nanoTime.getAsLong();
            DataKey made = make.get();
            made.start(asked);
            current = made;
        }
        current.envelope(bytes);
        return current;
    }

    /** How much one data key seals at most, whichever comes first. */
    record Bounds(long envelopes, long bytes, Duration time) {}

    /** A data key as the gateway made it, and what it was used for. */
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

        /** Counts bytes that were not known beforehand. */
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
