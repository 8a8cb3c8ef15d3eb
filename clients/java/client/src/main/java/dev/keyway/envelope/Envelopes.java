package dev.keyway.envelope;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.function.LongConsumer;

/**
 * Sealing and opening of streams with a given data key and salt, in the memory of three segments. It makes no calls.
 */
final class Envelopes {
    private Envelopes() {}

    /**
     * Seals a stream.
     *
     * @param progress called with the plaintext bytes of each segment
     */
    static void seal(
            Header header, byte[] dataKey, byte[] associatedData, InputStream in, OutputStream out, LongConsumer progress)
            throws IOException {
        SegmentCipher cipher = SegmentCipher.sealing(dataKey, header, associatedData);
        out.write(header.encode());
        int size = header.segmentSize();
        byte[] sealed = new byte[size + SegmentCipher.TAG_BYTES];
        Segments segments = new Segments(in, size);
        do {
            segments.advance();
            int length = cipher.next(segments.bytes(), segments.length(), segments.isLast(), sealed, 0);
            out.write(sealed, 0, length);
            progress.accept(segments.length());
        } while (!segments.isLast());
    }

    /**
     * Opens the segments after the header, and writes each as soon as it is verified.
     *
     * @throws EnvelopeException if a segment is invalid; the output is then authentic but incomplete
     */
    static void open(Header header, byte[] dataKey, byte[] associatedData, InputStream in, OutputStream out)
            throws IOException {
        SegmentCipher cipher = SegmentCipher.opening(dataKey, header, associatedData);
        int size = header.segmentSize();
        byte[] opened = new byte[size + SegmentCipher.TAG_BYTES];
        Segments segments = new Segments(in, size + SegmentCipher.TAG_BYTES);
        boolean first = true;
        do {
            segments.advance();
            int plain = segments.length() - SegmentCipher.TAG_BYTES;
            if (plain < 0 || plain == 0 && !first) {
                throw new EnvelopeException();
            }
            int length = cipher.next(segments.bytes(), segments.length(), segments.isLast(), opened, 0);
            out.write(opened, 0, length);
            first = false;
        } while (!segments.isLast());
    }

    /** Splits a stream into pieces of one size, and reads ahead to detect the last one. */
    private static final class Segments {
        private final InputStream in;
        private byte[] current;
        private byte[] ahead;
        private int length;
        private int lengthAhead;

        Segments(InputStream in, int size) throws IOException {
            this.in = in;
            current = new byte[size];
            ahead = new byte[size];
            lengthAhead = in.readNBytes(ahead, 0, size);
        }

        void advance() throws IOException {
            byte[] free = current;
            current = ahead;
            length = lengthAhead;
            ahead = free;
            lengthAhead = length == current.length ? in.readNBytes(ahead, 0, ahead.length) : 0;
        }

        byte[] bytes() {
            return current;
        }

        int length() {
            return length;
        }

        boolean isLast() {
            return lengthAhead == 0;
        }
    }
}
