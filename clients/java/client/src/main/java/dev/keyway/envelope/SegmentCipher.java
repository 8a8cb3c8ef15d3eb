package dev.keyway.envelope;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Arrays;
import javax.crypto.AEADBadTagException;
import javax.crypto.Cipher;
import javax.crypto.SecretKey;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/**
 * Seals or opens the segments of one envelope in order. It derives the key of the envelope and counts the segments, so
 * that each nonce is used once.
 */
final class SegmentCipher {
    static final int DATA_KEY_BYTES = 32;
    static final int TAG_BYTES = 16;
    private static final int KEY_BYTES = 32;
    private static final int PREFIX_BYTES = 7;
    private static final int NONCE_BYTES = 12;
    private static final long MOST_SEGMENTS = 1L << 32;
    private static final byte[] LABEL = "keyway.dev/envelope/v1".getBytes(StandardCharsets.US_ASCII);

    private final int mode;
    private final Cipher cipher;
    private final SecretKey key;
    private final byte[] nonce = new byte[NONCE_BYTES];
    private long index;
    private boolean ended;

    private SegmentCipher(int mode, byte[] dataKey, byte[] header, byte[] salt, byte[] associatedData) {
        if (dataKey.length != DATA_KEY_BYTES) {
            throw new IllegalArgumentException("A data key must have 32 bytes.");
        }
        this.mode = mode;
        try {
            this.cipher = Cipher.getInstance("AES/GCM/NoPadding");
            MessageDigest sha = MessageDigest.getInstance("SHA-256");
            byte[] info = ByteBuffer.allocate(LABEL.length + 64)
                    .put(LABEL)
                    .put(sha.digest(header))
                    .put(sha.digest(associatedData))
                    .array();
            byte[] material = Hkdf.derive(dataKey, salt, info, KEY_BYTES + PREFIX_BYTES);
            this.key = new SecretKeySpec(material, 0, KEY_BYTES, "AES");
            System.arraycopy(material, KEY_BYTES, nonce, 0, PREFIX_BYTES);
            Arrays.fill(material, (byte) 0);
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException("This Java has no AES-256-GCM or no SHA-256.", impossible);
        }
    }

    static SegmentCipher sealing(byte[] dataKey, Header header, byte[] associatedData) {
        return new SegmentCipher(Cipher.ENCRYPT_MODE, dataKey, header.encode(), header.salt(), associatedData);
    }

    static SegmentCipher opening(byte[] dataKey, Header header, byte[] associatedData) throws EnvelopeException {
        if (dataKey.length != DATA_KEY_BYTES) {
            throw new EnvelopeException();
        }
        return new SegmentCipher(Cipher.DECRYPT_MODE, dataKey, header.encode(), header.salt(), associatedData);
    }

    /**
     * Seals or opens the next segment.
     *
     * @return the number of bytes written to {@code output} at {@code at}
     * @throws EnvelopeException if verification fails; {@code output} then contains no plaintext of the segment
     */
    int next(byte[] input, int length, boolean last, byte[] output, int at) throws EnvelopeException {
        if (ended || index == MOST_SEGMENTS) {
            throw new IllegalStateException(ended ? "No segment can follow the last one." : "An envelope can have at most 2^32 segments.");
        }
        ByteBuffer.wrap(nonce, PREFIX_BYTES, 5).putInt((int) index).put((byte) (last ? 1 : 0));
        index++;
        ended = last;
        try {
            cipher.init(mode, key, new GCMParameterSpec(8 * TAG_BYTES, nonce));
            // Process the whole segment in one call: update() would buffer the ciphertext until the tag.
            return cipher.doFinal(input, 0, length, output, at);
        } catch (AEADBadTagException changed) {
            throw new EnvelopeException();
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException("AES-GCM failed.", impossible);
        }
    }
}
