package dev.keyway.envelope;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/** Atomic creation of files: writes a temporary file, readable by its owner only, and renames it. */
final class WholeFile {
    /** Copies one stream to another. */
    interface Step {
        void run(InputStream in, OutputStream out) throws IOException;
    }

    private WholeFile() {}

    static void write(Path from, Path to, Step step) throws IOException {
        Path folder = to.toAbsolutePath().getParent();
        try (InputStream in = Files.newInputStream(from)) {
            Path unfinished = Files.createTempFile(folder, ".keyway-", ".unfinished");
            try {
                try (OutputStream out = Files.newOutputStream(unfinished)) {
                    step.run(in, out);
                }
                Files.move(unfinished, to, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            } finally {
                Files.deleteIfExists(unfinished);
            }
        }
    }
}
