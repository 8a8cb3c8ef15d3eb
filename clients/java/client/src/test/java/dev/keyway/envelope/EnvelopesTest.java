package dev.keyway.envelope;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is done to an envelope on its way, and that none of it goes unnoticed. */
class EnvelopesTest {
    private static final int SIZE = Header.SMALLEST_SEGMENT;
    private static final int SEALED = SIZE + SegmentCipher.TAG_BYTES;
    private static final byte[] DATA_KEY = random(32, 1);
    private static final byte[] ASSOCIATED = {7};
    private static final Header HEADER = new Header(SIZE, "providers/a/keys/b", "ciphertext", random(32, 2));
    private static final int START = HEADER.encode().length;
    private static final byte[] PLAINTEXT = random(3 * SIZE - 100, 3);
    private static final byte[] ENVELOPE = seal(HEADER, PLAINTEXT);

    @ParameterizedTest
    @ValueSource(ints = {0, 1, SIZE - 1, SIZE, SIZE + 1, 2 * SIZE, 10 * SIZE + 5})
    void dataOfEverySizeIsOpened(int size) throws IOException {
        byte[] plaintext = random(size, size);
        byte[] envelope = seal(HEADER, plaintext);
        int segments = Math.max(1, (size + SIZE - 1) / SIZE);
        assertEquals(START + size + segments * SegmentCipher.TAG_BYTES, envelope.length);
        assertArrayEquals(plaintext, open(envelope, DATA_KEY, ASSOCIATED));
    }

    @Test
    void partialReadsAreCompleted() throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        Envelopes.seal(HEADER, DATA_KEY, ASSOCIATED, new Trickle(PLAINTEXT), out, more -> {});
        assertArrayEquals(ENVELOPE, out.toByteArray());
        InputStream in = new Trickle(ENVELOPE);
        ByteArrayOutputStream opened = new ByteArrayOutputStream();
        Envelopes.open(Header.read(in), DATA_KEY, ASSOCIATED, in, opened);
        assertArrayEquals(PLAINTEXT, opened.toByteArray());
    }

    @Test
    void everyModifiedByteIsRejected() {
        for (int i = 0; i < ENVELOPE.length; i += i < START + 64 ? 1 : 97) {
            byte[] changed = ENVELOPE.clone();
            changed[i] ^= 0x20;
            refused(changed, "byte " + i);
        }
    }

    @Test
    void everyTruncationIsRejected() {
        for (int length = 0; length < ENVELOPE.length; length += length < START + 64 ? 1 : 61) {
            refused(Arrays.copyOf(ENVELOPE, length), "length " + length);
        }
        refused(Arrays.copyOf(ENVELOPE, START + SEALED), "one whole segment");
        refused(Arrays.copyOf(ENVELOPE, START + 2 * SEALED), "two whole segments");
        refused(Arrays.copyOf(ENVELOPE, ENVELOPE.length + 1), "a byte more");
    }

    @Test
    void reorderedSegmentsAreRejected() throws IOException {
        byte[] head = Arrays.copyOf(ENVELOPE, START);
        byte[] one = Arrays.copyOfRange(ENVELOPE, START, START + SEALED);
        byte[] two = Arrays.copyOfRange(ENVELOPE, START + SEALED, START + 2 * SEALED);
        byte[] last = Arrays.copyOfRange(ENVELOPE, START + 2 * SEALED, ENVELOPE.length);
        assertArrayEquals(PLAINTEXT, open(join(head, one, two, last), DATA_KEY, ASSOCIATED));
        refused(join(head, two, one, last), "swapped");
        refused(join(head, one, last), "left out");
        refused(join(head, one, one, two, last), "repeated");
        refused(join(head, one, two, last, last), "the last one twice");
        refused(join(head, last), "the last one alone");
        byte[] other = seal(new Header(SIZE, HEADER.keyName(), HEADER.encryptedDataKey(), random(32, 9)), PLAINTEXT);
        refused(join(head, Arrays.copyOfRange(other, START, other.length)), "of another envelope");
    }

    @Test
    void otherKeyOrAssociatedDataIsRejected() {
        assertThrows(EnvelopeException.class, () -> open(ENVELOPE, random(32, 4), ASSOCIATED));
        assertThrows(EnvelopeException.class, () -> open(ENVELOPE, DATA_KEY, new byte[0]));
    }

    @Test
    void onlyVerifiedDataIsWritten() throws IOException {
        byte[] changed = ENVELOPE.clone();
        changed[START + SEALED + 5] ^= 1;
        InputStream in = new ByteArrayInputStream(changed);
        Header header = Header.read(in);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        assertThrows(EnvelopeException.class, () -> Envelopes.open(header, DATA_KEY, ASSOCIATED, in, out));
        assertArrayEquals(Arrays.copyOf(PLAINTEXT, SIZE), out.toByteArray());
    }

    @Test
    void noSegmentCanFollowTheLast() throws IOException {
        SegmentCipher cipher = SegmentCipher.sealing(DATA_KEY, HEADER, ASSOCIATED);
        cipher.next(PLAINTEXT, 5, true, new byte[SEALED], 0);
        assertThrows(IllegalStateException.class, () -> cipher.next(PLAINTEXT, 5, true, new byte[SEALED], 0));
    }

    @Test
    void invalidHeaderFieldsAreRejected() {
        byte[] salt = new byte[32];
        assertThrows(IllegalArgumentException.class, () -> new Header(SIZE - 1, "k", "c", salt));
        assertThrows(IllegalArgumentException.class, () -> new Header(Header.LARGEST_SEGMENT + 1, "k", "c", salt));
        assertThrows(IllegalArgumentException.class, () -> new Header(SIZE, "", "c", salt));
        assertThrows(IllegalArgumentException.class, () -> new Header(SIZE, "키".repeat(1366), "c", salt));
        assertThrows(IllegalArgumentException.class, () -> new Header(SIZE, "k", "c".repeat(65_536), salt));
        assertThrows(IllegalArgumentException.class, () -> new Header(SIZE, "k", "c", new byte[31]));
        assertTrue(new Header(SIZE, "키".repeat(1365), "c".repeat(65_535), salt).encode().length > 69_000);
    }

    private static void refused(byte[] envelope, String what) {
        assertThrows(EnvelopeException.class, () -> open(envelope, DATA_KEY, ASSOCIATED), what);
    }

    private static byte[] seal(Header header, byte[] plaintext) {
        try {
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            Envelopes.seal(header, DATA_KEY, ASSOCIATED, new ByteArrayInputStream(plaintext), out, more -> {});
            return out.toByteArray();
        } catch (IOException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private static byte[] open(byte[] envelope, byte[] dataKey, byte[] associatedData) throws IOException {
        InputStream in = new ByteArrayInputStream(envelope);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        Envelopes.open(Header.read(in), dataKey, associatedData, in, out);
        return out.toByteArray();
    }

    private static byte[] join(byte[]... parts) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            out.write(part);
        }
        return out.toByteArray();
    }

    private static byte[] random(int length, int seed) {
        byte[] bytes = new byte[length];
        new Random(seed).nextBytes(bytes);
        return bytes;
    }

    /** A stream that returns at most seven bytes per read. */
    private static final class Trickle extends ByteArrayInputStream {
        Trickle(byte[] bytes) {
            super(bytes);
        }

        @Override
        public synchronized int read(byte[] into, int offset, int length) {
            return super.read(into, offset, Math.min(length, 7));
        }

        @Override
        public int readNBytes(byte[] into, int offset, int length) {
            int done = 0;
            for (int read = 0; done < length && read >= 0; done += Math.max(read, 0)) {
                read = read(into, offset + done, length - done);
            }
            return done;
        }
    }
}
