package dev.keyway.envelope;

import dev.keyway.KeywayException;
import dev.keyway.v1.DecryptRequest;
import dev.keyway.v1.Encoding;
import dev.keyway.v1.ErrorReason;
import dev.keyway.v1.KeyServiceGrpc.KeyServiceBlockingStub;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import java.util.Set;

/**
 * Opens what a {@link Sealer} of any language sealed; the gateway decrypts the data key. Safe for use by many threads.
 *
 * <p>What can't be opened is an {@link EnvelopeException}. Where the gateway does not answer or does not allow it, the
 * failure is the stub's own.
 */
public final class Opener {
    private static final byte[] NONE = {};
    /** What a changed header gets (docs/envelope-format.md): no such key, nothing that this key encrypted. */
    private static final Set<Status.Code> OF_THE_ENVELOPE =
            Set.of(Status.Code.INVALID_ARGUMENT, Status.Code.NOT_FOUND, Status.Code.UNIMPLEMENTED);

    private final KeyServiceBlockingStub stub;
    private final Set<String> expectedKeys;

    private Opener(KeyServiceBlockingStub stub, Set<String> expectedKeys) {
        this.stub = Objects.requireNonNull(stub, "stub");
        this.expectedKeys = expectedKeys;
    }

    /**
     * Opens envelopes of these keys alone. The name of the key stands in the envelope, so whoever writes envelopes
     * chooses it: say which ones you expect.
     *
     * @param stub decrypts data keys, such as {@code client.keys()}
     * @param keyNames each {@code providers/{provider}/keys/{key}}
     */
    public static Opener forKeys(KeyServiceBlockingStub stub, String... keyNames) {
        if (keyNames.length == 0) {
            throw new IllegalArgumentException("An opener for no key opens nothing: name one, or take forAnyKey().");
        }
        return new Opener(stub, Set.of(keyNames));
    }

    /** Opens envelopes of every key that the gateway lets the caller use. */
    public static Opener forAnyKey(KeyServiceBlockingStub stub) {
        return new Opener(stub, null);
    }

    /** Opens bytes that were sealed without associated data. */
    public byte[] open(byte[] envelope) throws EnvelopeException {
        return open(envelope, NONE);
    }

    /** Opens bytes: all of them, or none. */
    public byte[] open(byte[] envelope, byte[] associatedData) throws EnvelopeException {
        ByteArrayOutputStream out = new ByteArrayOutputStream(envelope.length);
        try {
            open(new ByteArrayInputStream(envelope), out, associatedData);
        } catch (EnvelopeException refused) {
            throw refused;
        } catch (IOException impossible) {
            throw new IllegalStateException(impossible);
        }
        return out.toByteArray();
    }

    /** Opens a stream that was sealed without associated data. */
    public void open(InputStream in, OutputStream out) throws IOException {
        open(in, out, NONE);
    }

    /**
     * Opens a stream in constant memory. Closes neither. Each segment is written once it has verified, so what was
     * written before an {@link EnvelopeException} is genuine but not all: act on it only after this has returned.
     */
    public void open(InputStream in, OutputStream out, byte[] associatedData) throws IOException {
        Header header = Header.read(in);
        if (expectedKeys != null && !expectedKeys.contains(header.keyName())) {
            throw new EnvelopeException();
        }
        byte[] dataKey = decrypt(header);
        try {
            Envelopes.open(header, dataKey, associatedData, in, out);
        } finally {
            Arrays.fill(dataKey, (byte) 0);
        }
    }

    /** Opens a file. The new file appears when all of it has verified; one that was there is replaced then. */
    public void open(Path from, Path to, byte[] associatedData) throws IOException {
        WholeFile.write(from, to, (in, out) -> open(in, out, associatedData));
    }

    private byte[] decrypt(Header header) throws EnvelopeException {
        DecryptRequest request = DecryptRequest.newBuilder()
                .setName(header.keyName())
                .setCiphertext(header.encryptedDataKey())
                .setEncoding(Encoding.ENCODING_BASE64)
                .build();
        try {
            return stub.decrypt(request).getPlaintext().toByteArray();
        } catch (StatusRuntimeException failed) {
            if (blamesEnvelope(KeywayException.from(failed))) {
                throw new EnvelopeException();
            }
            throw failed;
        }
    }

    /**
     * Whether the gateway itself, by its reason, can make nothing of the name or the encrypted data key that stand in
     * the envelope.
     */
    private static boolean blamesEnvelope(KeywayException error) {
        return !error.reason().isEmpty()
                && (OF_THE_ENVELOPE.contains(error.code())
                        || error.is(ErrorReason.ERROR_REASON_PLAINTEXT_NOT_BASE64));
    }
}
