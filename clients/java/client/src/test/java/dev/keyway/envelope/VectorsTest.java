package dev.keyway.envelope;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.keyway.Sandbox;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The golden vectors, which are the same for every language. */
class VectorsTest {
    private static final Path FOLDER = Sandbox.REPOSITORY.resolve("tests/clients/vectors");
    private static final String REFUSED = "refused.json";

    @ParameterizedTest
    @MethodSource
    void sealed(JsonObject vector) throws IOException {
        Header header = new Header(
                vector.get("segment_size").getAsInt(),
                vector.get("key_name").getAsString(),
                vector.get("encrypted_data_key").getAsString(),
                bytes(vector, "salt"));
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        InputStream in = new ByteArrayInputStream(bytes(vector, "plaintext"));
        Envelopes.seal(header, bytes(vector, "data_key"), bytes(vector, "associated_data"), in, out, more -> {});
        assertEquals(vector.get("envelope").getAsString(), HexFormat.of().formatHex(out.toByteArray()));
        assertEquals(vector.get("plaintext").getAsString(), HexFormat.of().formatHex(open(vector)));
    }

    @ParameterizedTest
    @MethodSource
    void refused(JsonObject vector) {
        assertThrows(EnvelopeException.class, () -> open(vector));
    }

    static List<Named<JsonObject>> sealed() throws IOException {
        try (Stream<Path> files = Files.list(FOLDER)) {
            List<Named<JsonObject>> vectors = files.filter(file -> file.toString().endsWith(".json"))
                    .filter(file -> !file.endsWith(REFUSED))
                    .sorted()
                    .map(VectorsTest::parse)
                    .map(vector -> named(vector.getAsJsonObject()))
                    .toList();
            assertTrue(vectors.size() > 10);
            return vectors;
        }
    }

    static List<Named<JsonObject>> refused() {
        return StreamSupport.stream(parse(FOLDER.resolve(REFUSED)).getAsJsonArray().spliterator(), false)
                .map(vector -> named(vector.getAsJsonObject()))
                .toList();
    }

    private static byte[] open(JsonObject vector) throws IOException {
        InputStream in = new ByteArrayInputStream(bytes(vector, "envelope"));
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        Envelopes.open(Header.read(in), bytes(vector, "data_key"), bytes(vector, "associated_data"), in, out);
        return out.toByteArray();
    }

    private static byte[] bytes(JsonObject vector, String name) {
        return HexFormat.of().parseHex(vector.get(name).getAsString());
    }

    private static JsonElement parse(Path file) {
        try {
            return JsonParser.parseString(Files.readString(file));
        } catch (IOException unreadable) {
            throw new UncheckedIOException(unreadable);
        }
    }

    private static Named<JsonObject> named(JsonObject vector) {
        return Named.of(vector.get("name").getAsString(), vector);
    }
}
