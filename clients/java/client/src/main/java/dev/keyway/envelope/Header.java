package dev.keyway.envelope;

import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/**
 * The header of an envelope: encoding and strict decoding. Its fields are not authenticated before the first segment is
 * verified.
 */
record Header(int segmentSize, String keyName, String encryptedDataKey, byte[] salt) {
    static final int SMALLEST_SEGMENT = 4096;
    static final int LARGEST_SEGMENT = 1024 * 1024;
    static final int SALT_BYTES = 32;
    static final int LONGEST_NAME = 4096;
    static final int LONGEST_KEY = 0xFFFF;
    private static final int MAGIC = 0x4B574531;

    Header {
        // Detects errors of the caller or of the gateway; read() checks the input of readers.
        check(segmentSize >= SMALLEST_SEGMENT && segmentSize <= LARGEST_SEGMENT, "The segment size must be 4,096 to 1,048,576 bytes.");
        check(fits(keyName, LONGEST_NAME), "The key name must have 1 to 4,096 bytes.");
        check(fits(encryptedDataKey, LONGEST_KEY), "The encrypted data key must have 1 to 65,535 bytes.");
        check(salt.length == SALT_BYTES, "The salt must have 32 bytes.");
    }

    byte[] encode() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            out.writeInt(MAGIC);
            out.writeInt(segmentSize);
            writeText(out, keyName);
            writeText(out, encryptedDataKey);
            out.write(salt);
        } catch (IOException impossible) {
            throw new UncheckedIOException(impossible);
        }
        return bytes.toByteArray();
    }

    /** Reads a header, and no byte more. */
    static Header read(InputStream in) throws IOException {
        DataInputStream data = new DataInputStream(in);
        try {
            int magic = data.readInt();
            int segmentSize = data.readInt();
            if (magic != MAGIC || segmentSize < SMALLEST_SEGMENT || segmentSize > LARGEST_SEGMENT) {
                throw new EnvelopeException();
            }
            String keyName = readText(data, LONGEST_NAME);
            String encryptedDataKey = readText(data, LONGEST_KEY);
            byte[] salt = new byte[SALT_BYTES];
            data.readFully(salt);
            return new Header(segmentSize, keyName, encryptedDataKey, salt);
        } catch (EOFException | CharacterCodingException malformed) {
            throw new EnvelopeException();
        }
    }

    private static void writeText(DataOutputStream out, String text) throws IOException {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        out.writeShort(bytes.length);
        out.write(bytes);
    }

    private static String readText(DataInputStream in, int longest) throws IOException {
        int length = in.readUnsignedShort();
        if (length < 1 || length > longest) {
            throw new EnvelopeException();
        }
        byte[] bytes = new byte[length];
        in.readFully(bytes);
        // new String() would replace malformed input instead of reporting it.
        return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    }

    private static boolean fits(String text, int longest) {
        int length = text.getBytes(StandardCharsets.UTF_8).length;
        return length >= 1 && length <= longest;
    }

    private static void check(boolean holds, String message) {
        if (!holds) {
            throw new IllegalArgumentException(message);
        }
    }
}
