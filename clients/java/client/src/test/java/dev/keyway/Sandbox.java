package dev.keyway;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.concurrent.TimeUnit;

/**
 * A gateway over emulators: the one that $KEYWAY_SANDBOX tells of, or a process of its own for all tests of this JVM, and
 * no longer than it.
 */
public final class Sandbox {
    /** Where the vectors and the gateway are. */
    public static final Path REPOSITORY = Path.of(System.getProperty("keyway.repository"));

    private static final Sandbox SHARED = find();

    private final JsonObject ready;

    private Sandbox(JsonObject ready) {
        this.ready = ready;
    }

    public static Sandbox shared() {
        return SHARED;
    }

    private static Sandbox find() {
        String readyLine = System.getenv("KEYWAY_SANDBOX");
        try {
            return readyLine == null ? start() : new Sandbox(parse(Files.readString(Path.of(readyLine))));
        } catch (IOException absent) {
            throw new UncheckedIOException("These tests need the repository's Python: make setup.", absent);
        }
    }

    private static JsonObject parse(String line) {
        return JsonParser.parseString(line).getAsJsonObject();
    }

    private static Sandbox start() throws IOException {
        String python = Objects.requireNonNullElse(System.getenv("KEYWAY_PYTHON"), System.getProperty("keyway.python"));
        ProcessBuilder builder = new ProcessBuilder(python, "-m", "gateway", "sandbox")
                .directory(REPOSITORY.toFile())
                .redirectError(new File("target/sandbox.log"));
        Process process = builder.start();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> stop(process)));
        BufferedReader lines =
                new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
        String line = lines.readLine();
        if (line == null) {
            throw new IllegalStateException("The sandbox did not start: see target/sandbox.log.");
        }
        return new Sandbox(parse(line));
    }

    private static void stop(Process process) {
        process.destroy();
        try {
            process.waitFor(10, TimeUnit.SECONDS);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
        process.destroyForcibly();
    }

    /** The address of a listener: plain, mtls or jwt. */
    public String address(String listener) {
        return ready.get(listener).getAsString();
    }

    public Path file(String name) {
        return Path.of(ready.getAsJsonObject("tls").get(name).getAsString());
    }

    public String token() {
        return ready.get("token").getAsString();
    }

    public KeywayClient plain() {
        return KeywayClient.builder(address("plain")).plaintext().build();
    }

    /** Arms a fault at an emulator. */
    public void arm(String emulator, String fault) throws IOException, InterruptedException {
        String base = ready.getAsJsonObject("controls").get(emulator).getAsString();
        HttpRequest request = HttpRequest.newBuilder(URI.create(base + "/faults"))
                .header("content-type", "application/json")
                .POST(BodyPublishers.ofString(fault))
                .build();
        int status = HttpClient.newHttpClient().send(request, BodyHandlers.ofString()).statusCode();
        if (status / 100 != 2) {
            throw new IllegalStateException("Can't arm " + fault + ": " + status);
        }
    }
}
