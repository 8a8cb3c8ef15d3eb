package dev.keyway.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.keyway.Sandbox;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** That the examples work, and that the README shows them as they are. */
class ExamplesTest {
    private static final Path JAVA = Sandbox.REPOSITORY.resolve("clients/java");
    private static final Pattern SNIPPET = Pattern.compile("(?ms)^```java\\n(.*?)^```$");

    private interface Program {
        void main(String[] arguments) throws IOException;
    }

    @Test
    void firstCall() throws IOException {
        assertEquals("order 42 with version 2\n", output(FirstCall::main));
    }

    @Test
    void errorsAndPages() throws IOException {
        List<String> lines = output(ErrorsAndPages::main).lines().toList();
        assertTrue(lines.contains("providers/nhn-certs/certificates/인증서-예시"), lines.toString());
        assertEquals("KEY_NOT_FOUND from nhn-keys", lines.get(lines.size() - 1));
    }

    @Test
    void sealAndOpen() throws IOException {
        assertEquals("order 42: ten pairs\n", output(SealAndOpen::main));
    }

    @Test
    void readmePrintsTheExamples() throws IOException {
        List<String> snippets = SNIPPET
                .matcher(Files.readString(JAVA.resolve("README.md")))
                .results()
                .map(match -> match.group(1))
                .toList();
        String sources = sources();
        assertEquals(5, snippets.size());
        for (String snippet : snippets) {
            assertTrue(sources.contains(snippet), snippet);
        }
    }

    private static String output(Program program) throws IOException {
        PrintStream before = System.out;
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        System.setOut(new PrintStream(bytes, true, StandardCharsets.UTF_8));
        try {
            program.main(new String[] {Sandbox.shared().address("plain")});
        } finally {
            System.setOut(before);
        }
        return bytes.toString(StandardCharsets.UTF_8);
    }

    private static String sources() throws IOException {
        try (Stream<Path> files = Files.walk(JAVA.resolve("examples/src/main"))) {
            List<Path> programs = files.filter(file -> file.toString().endsWith(".java")).toList();
            StringBuilder texts = new StringBuilder();
            for (Path program : programs) {
                texts.append(Files.readString(program));
            }
            return texts.toString();
        }
    }
}
