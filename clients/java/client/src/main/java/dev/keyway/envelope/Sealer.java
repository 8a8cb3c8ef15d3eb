package dev.keyway.envelope;

import dev.keyway.KeyService;
import dev.keyway.envelope.DataKeys.DataKey;
import dev.keyway.v1.GenerateDataKeyRequest;
import dev.keyway.v1.GenerateDataKeyResponse;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.Objects;
import java.util.function.LongConsumer;
import java.util.function.LongSupplier;

/**
 * Seals data of any size with data keys from the gateway. The data does not leave this process. {@link Opener} opens it.
 * Threads can share a sealer. Keep it, because one data key seals many envelopes.
 *
 * <p>Associated data is not part of the envelope; the same associated data is required to open it. For example, use the
 * name of the record that the data belongs to. The default is empty.
 *
 * <p>There is no sealing OutputStream: if an exception closed it, the envelope would end early and still look complete.
 */
public final class Sealer {
    private static final byte[] NONE = {};
    private static final int LARGEST_ARRAY = Integer.MAX_VALUE - 8;

    private final String keyName;
    private final int segmentSize;
    private final DataKeys keys;
    private final SecureRandom random = new SecureRandom();

    private Sealer(Builder builder) {
        keyName = builder.keyName;
        segmentSize = builder.segmentSize;
        DataKeys.Bounds bounds = new DataKeys.Bounds(builder.envelopes, builder.bytes, builder.time);
        keys = new DataKeys(builder::makeDataKey, bounds, builder.nanoTime);
    }

    /**
     * Returns a builder for a sealer.
     *
     * @param keys generates data keys: {@code client.keys()}
     * @param keyName {@code providers/{provider}/keys/{key}}, a symmetric key
     */
    public static Builder builder(KeyService keys, String keyName) {
        return new Builder(keys, keyName);
    }

    /** Seals bytes without associated data. */
    public byte[] seal(byte[] plaintext) {
        return seal(plaintext, NONE);
    }

    /** Seals bytes. Throws {@link dev.keyway.KeywayException} if the gateway generates no data key. */
    public byte[] seal(byte[] plaintext, byte[] associatedData) {
        DataKey key = keys.forEnvelope(plaintext.length);
        // The header, and a tag per segment of at least 4 KiB.
        long expected = plaintext.length + plaintext.length / 256L + 1024;
        ByteArrayOutputStream out = new ByteArrayOutputStream((int) Math.min(expected, LARGEST_ARRAY));
        try {
            seal(key, new ByteArrayInputStream(plaintext), out, associatedData, known -> {});
        } catch (IOException impossible) {
            throw new UncheckedIOException(impossible);
        }
        return out.toByteArray();
    }

    /** Seals a stream without associated data. */
    public void seal(InputStream in, OutputStream out) throws IOException {
        seal(in, out, NONE);
    }

    /** Seals a stream in constant memory. It closes neither stream. An incomplete envelope cannot be opened. */
    public void seal(InputStream in, OutputStream out, byte[] associatedData) throws IOException {
        DataKey key = keys.forEnvelope(0);
        seal(key, in, out, associatedData, key::used);
    }

    /** Seals a file. It creates or replaces the target only when the envelope is complete. */
    public void seal(Path from, Path to, byte[] associatedData) throws IOException {
        WholeFile.write(from, to, (in, out) -> seal(in, out, associatedData));
    }

    private void seal(DataKey key, InputStream in, OutputStream out, byte[] associatedData, LongConsumer progress)
            throws IOException {
        byte[] salt = new byte[Header.SALT_BYTES];
        random.nextBytes(salt);
        Header header = new Header(segmentSize, keyName, key.encrypted(), salt);
        Envelopes.seal(header, key.plaintext(), associatedData, in, out, progress);
    }

    /** Settings of a {@link Sealer}, and limits for the use of one data key. */
    public static final class Builder {
        private final KeyService keys;
        private final String keyName;
        private int segmentSize = 64 * 1024;
        private long envelopes = 1000;
        private long bytes = 64L << 30;
        private Duration time = Duration.ofMinutes(5);
        private LongSupplier nanoTime = System::nanoTime;

        private Builder(KeyService keys, String keyName) {
            this.keys = Objects.requireNonNull(keys, "keys");
            this.keyName = Objects.requireNonNull(keyName, "keyName");
        }

        /** Plaintext bytes per segment: 4,096 to 1,048,576; the default is 65,536. */
        public Builder segmentSize(int bytes) {
            if (bytes < Header.SMALLEST_SEGMENT || bytes > Header.LARGEST_SEGMENT) {
                throw new IllegalArgumentException("The segment size must be 4,096 to 1,048,576 bytes.");
            }
            segmentSize = bytes;
            return this;
        }

        /** Maximum number of envelopes per data key; the default is 1,000. */
        public Builder envelopesPerDataKey(long envelopes) {
            this.envelopes = positive(envelopes);
            return this;
        }

        /** Number of bytes after which a new envelope gets a new data key; the default is 64 GiB. */
        public Builder bytesPerDataKey(long bytes) {
            this.bytes = positive(bytes);
            return this;
        }

        /** Age after which a new envelope gets a new data key; the default is 5 minutes. */
        public Builder timePerDataKey(Duration time) {
            positive(time.toNanos());
            this.time = time;
            return this;
        }

        Builder clock(LongSupplier nanoTime) {
            this.nanoTime = nanoTime;
            return this;
        }

        /** Returns the sealer. It requests a data key when it seals the first envelope. */
        public Sealer build() {
            return new Sealer(this);
        }

        private DataKey makeDataKey() {
            GenerateDataKeyResponse made = keys.generateDataKey(
                    GenerateDataKeyRequest.newBuilder().setName(keyName).build());
            return new DataKey(made.getPlaintext().toByteArray(), made.getCiphertext());
        }

        private static long positive(long bound) {
            if (bound < 1) {
                throw new IllegalArgumentException("The limit must be positive, not " + bound + ".");
            }
            return bound;
        }
    }
}
