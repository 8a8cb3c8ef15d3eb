package dev.keyway.envelope;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.util.Locale;
import javax.crypto.Cipher;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/** How fast a file is sealed, beside the platform's AES-256-GCM over the same file, in one message and nothing else. */
public final class SealBench {
    private static final int CHUNK = 64 * 1024;
    private static final int ROUNDS = 3;
    private static final int WARM_UP_BYTES = 256 * 1024 * 1024;

    private SealBench() {}

    /** Measures both in turn, and tells of the best of each as one line of JSON. */
    public static String run(Path file) throws IOException {
        seal(file, WARM_UP_BYTES);
        raw(file, WARM_UP_BYTES);
        double sealed = 0;
        double raw = 0;
        for (int round = 0; round < ROUNDS; round++) {
            sealed = Math.max(sealed, rate(file, () -> seal(file, Long.MAX_VALUE)));
            raw = Math.max(raw, rate(file, () -> raw(file, Long.MAX_VALUE)));
        }
        return String.format(
                Locale.ROOT,
                "{\"language\": \"java\", \"bytes\": %d, \"seal\": %.0f, \"raw\": %.0f, \"ratio\": %.3f, \"peak_rss\": %d}",
                Files.size(file),
                sealed,
                raw,
                sealed / raw,
                peakMemory());
    }

    private interface Work {
        void run() throws IOException;
    }

    private static double rate(Path file, Work work) throws IOException {
        long start = System.nanoTime();
        work.run();
        return Files.size(file) * 1e9 / (System.nanoTime() - start);
    }

    private static void seal(Path file, long most) throws IOException {
        byte[] dataKey = random(SegmentCipher.DATA_KEY_BYTES);
        Header header = new Header(CHUNK, "providers/bench/keys/bench", "bench", random(Header.SALT_BYTES));
        try (InputStream in = Files.newInputStream(file)) {
            InputStream some = most == Long.MAX_VALUE ? in : new java.io.ByteArrayInputStream(in.readNBytes(CHUNK * 64));
            Envelopes.seal(header, dataKey, new byte[0], some, OutputStream.nullOutputStream(), bytes -> {});
        }
    }

    private static void raw(Path file, long most) throws IOException {
        byte[] in = new byte[CHUNK];
        byte[] out = new byte[CHUNK + 64];
        try (InputStream stream = Files.newInputStream(file);
                OutputStream sink = OutputStream.nullOutputStream()) {
            Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding");
            SecretKeySpec key = new SecretKeySpec(random(32), "AES");
            cipher.init(Cipher.ENCRYPT_MODE, key, new GCMParameterSpec(128, random(12)));
            long done = 0;
            for (int read = 1; read > 0 && done < most; done += read) {
                read = stream.readNBytes(in, 0, CHUNK);
                sink.write(out, 0, cipher.update(in, 0, read, out, 0));
            }
            sink.write(out, 0, cipher.doFinal(out, 0));
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private static byte[] random(int length) {
        byte[] bytes = new byte[length];
        new SecureRandom().nextBytes(bytes);
        return bytes;
    }

    /** The most memory this process ever had, heap or not, in bytes; 0 where the system does not tell. */
    private static long peakMemory() throws IOException {
        Path status = Path.of("/proc/self/status");
        if (!Files.exists(status)) {
            return 0;
        }
        return Files.readAllLines(status).stream()
                .filter(line -> line.startsWith("VmHWM:"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) * 1024)
                .findFirst()
                .orElse(0);
    }
}
