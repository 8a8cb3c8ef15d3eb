package dev.keyway.envelope;

import dev.keyway.KeyService;
import dev.keyway.KeywayException;
import dev.keyway.v1.DecryptRequest;
import dev.keyway.v1.Encoding;
import dev.keyway.v1.ErrorReason;
import io.grpc.Status;
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
 * Opens envelopes that a Keyway client in any language sealed. The gateway decrypts the data key. Threads can share an
 * opener.
 *
 * <p>It throws {@link EnvelopeException} for an envelope that cannot be opened, and {@link KeywayException} if the
 * gateway fails or denies the call.
 */
public final class Opener {
    private static final byte[] NONE = {};
    /** The status codes for a modified header (docs/envelope-format.md): unknown key, or ciphertext of another key. */
    private static final Set<Status.Code> OF_THE_ENVELOPE =
            Set.of(Status.Code.INVALID_ARGUMENT, Status.Code.NOT_FOUND, Status.Code.UNIMPLEMENTED);

    private final KeyService keys;
    private final Set<String> expectedKeys;

    private Opener(KeyService keys, Set<String> expectedKeys) {
        this.keys = Objects.requireNonNull(keys, "keys");
        this.expectedKeys = expectedKeys;
    }

    /**
     * Returns an opener that accepts only these keys. The envelope contains the name of its key, so an attacker who
     * writes envelopes can choose the key: state the keys that you expect.
     *
     * @param keys decrypts data keys: {@code client.keys()}
     * @param keyNames each {@code providers/{provider}/keys/{key}}
     */
    public static Opener forKeys(KeyService keys, String... keyNames) {
        if (keyNames.length == 0) {
            throw new IllegalArgumentException("No key name: name at least one key, or use forAnyKey().");
        }
        return new Opener(keys, Set.of(keyNames));
    }

    /** Returns an opener that accepts every key that the caller has access to. */
    public static Opener forAnyKey(KeyService keys) {
        return new Opener(keys, null);
    }

    /** Opens bytes that were sealed without associated data. */
    public byte[] open(byte[] envelope) throws EnvelopeException {
        return open(envelope, NONE);
    }

    /** Opens bytes. It returns either the complete plaintext or throws. */
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
     * Opens a stream in constant memory. It closes neither stream. It writes each segment as soon as the segment is
     * verified. If it throws {@link EnvelopeException}, the output is authentic but incomplete: use the output only
     * after this method has returned.
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

    /** Opens a file. It creates or replaces the target only when the whole envelope is verified. */
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
            return keys.decrypt(request).getPlaintext().toByteArray();
        } catch (KeywayException failed) {
            if (blamesEnvelope(failed)) {
                throw new EnvelopeException();
            }
            throw failed;
        }
    }

    /**
     * Whether the gateway rejected the key name or the encrypted data key of the envelope. Only errors with a reason come
     * from the gateway.
     */
    private static boolean blamesEnvelope(KeywayException error) {
        return !error.reason().isEmpty()
                && (OF_THE_ENVELOPE.contains(error.code())
                        || error.is(ErrorReason.ERROR_REASON_PLAINTEXT_NOT_BASE64));
    }
}
