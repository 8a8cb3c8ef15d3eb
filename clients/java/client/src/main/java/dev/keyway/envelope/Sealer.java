package dev.keyway.envelope;

import dev.keyway.envelope.DataKeys.DataKey;
import dev.keyway.v1.GenerateDataKeyRequest;
import dev.keyway.v1.GenerateDataKeyResponse;
import dev.keyway.v1.KeyServiceGrpc.KeyServiceBlockingStub;
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
 * Seals data of any size with data keys that the gateway makes; the data itself stays here. {@link Opener} opens it.
 * Safe for use by many threads, and made to be kept: a data key serves many envelopes.
 *
 * <p>Associated data is what the reader has to know to open the envelope, such as the name of the record that it
 * belongs to. It is not in the envelope. Without any it is empty.
 *
 * <p>There is no OutputStream that seals what is written to it: closed by an exception halfway, it would end in an
 * envelope that looks whole.
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
     * Starts a sealer.
     *
     * @param stub asks for data keys, such as {@code client.keys()}
     * @param keyName {@code providers/{provider}/keys/{key}}, a symmetric key
     */
    public static Builder builder(KeyServiceBlockingStub stub, String keyName) {
        return new Builder(stub, keyName);
    }

    /** Seals bytes without associated data. */
    public byte[] seal(byte[] plaintext) {
        return seal(plaintext, NONE);
    }

    /** Seals bytes. Fails, as the stub does, where the gateway makes no data key. */
    public byte[] seal(byte[] plaintext, byte[] associatedData) {
        DataKey key = keys.forEnvelope(plaintext.length);
        // A tag for each segment, of which the smallest has 4 KiB, and the header.
        long expected = plaintext.length + plaintext.length / 256L + 1024;
        ByteArrayOutputStream out = new ByteArrayOutputStream((int) Math.min(expected, LARGEST_ARRAY));
        try {
            seal(key, new ByteArrayInputStream(plaintext), out, associatedData, known -> {});
        } catch (IOException impossible) {
            throw new UncheckedIOException(impossible);
        }
        return out.toByteArray();
    }

    /** Seals all that {@code in} has, without associated data. */
    public void seal(InputStream in, OutputStream out) throws IOException {
        seal(in, out, NONE);
    }

    /** Seals all that {@code in} has, in constant memory. Closes neither; what it wrote before it failed won't open. */
    public void seal(InputStream in, OutputStream out, byte[] associatedData) throws IOException {
        DataKey key = keys.forEnvelope(0);
        seal(key, in, out, associatedData, key::used);
    }

    /** Seals a file. The new file appears when it is whole; one that was there is replaced. */
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

    /** How a {@link Sealer} seals, and how much one data key seals at most. */
    public static final class Builder {
        private final KeyServiceBlockingStub stub;
        private final String keyName;
        private int segmentSize = 64 * 1024;
        private long envelopes = 1000;
        private long bytes = 64L << 30;
        private Duration time = Duration.ofMinutes(5);
        private LongSupplier nanoTime = System::nanoTime;

        private Builder(KeyServiceBlockingStub stub, String keyName) {
            this.stub = Objects.requireNonNull(stub, "stub");
            this.keyName = Objects.requireNonNull(keyName, "keyName");
        }

        /** Plaintext bytes of a segment: 4,096 to 1,048,576; 65,536 unless said otherwise. */
        public Builder segmentSize(int bytes) {
            if (bytes < Header.SMALLEST_SEGMENT || bytes > Header.LARGEST_SEGMENT) {
                throw new IllegalArgumentException("A segment has 4,096 to 1,048,576 bytes.");
            }
            segmentSize = bytes;
            return this;
        }

        /** How many envelopes one data key seals at most: 1,000 unless said otherwise. */
        public Builder envelopesPerDataKey(long envelopes) {
            this.envelopes = positive(envelopes);
            return this;
        }

        /** After how many bytes no further envelope is begun with a data key: 64 GiB unless said otherwise. */
        public Builder bytesPerDataKey(long bytes) {
            this.bytes = positive(bytes);
            return this;
        }

        /** After what time no further envelope is begun with a data key: 5 minutes unless said otherwise. */
        public Builder timePerDataKey(Duration time) {
            positive(time.toNanos());
            this.time = time;
            return this;
        }

        Builder clock(LongSupplier nanoTime) {
            this.nanoTime = nanoTime;
            return this;
        }

        /** Makes the sealer. The gateway is asked when the first envelope is sealed. */
        public Sealer build() {
            return new Sealer(this);
        }

        private DataKey makeDataKey() {
            GenerateDataKeyResponse made = stub.generateDataKey(
                    GenerateDataKeyRequest.newBuilder().setName(keyName).build());
            return new DataKey(made.getPlaintext().toByteArray(), made.getCiphertext());
        }

        private static long positive(long bound) {
            if (bound < 1) {
                throw new IllegalArgumentException("A data key has to seal something: " + bound + " is no bound.");
            }
            return bound;
        }
    }
}
