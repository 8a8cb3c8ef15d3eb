package dev.keyway.conformance;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.keyway.KeywayClient;
import dev.keyway.KeywayException;
import dev.keyway.envelope.EnvelopeException;
import dev.keyway.envelope.Opener;
import dev.keyway.envelope.SealBench;
import dev.keyway.envelope.Sealer;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;

/**
 * Conformance runner of the Java client.
 *
 * <pre>
 * (nothing)         runs the cases of $KEYWAY_CASES; prints one line of JSON per case
 * seal KEY AAD_HEX  seals standard input to standard output
 * open AAD_HEX      opens standard input to standard output; writes nothing for an invalid envelope
 * open-all LIST     opens many envelopes: each line is ENVELOPE OUTPUT AAD_HEX (- for none)
 * connect LIST      makes the first call over each connection of a list; prints its error as JSON
 * bench seal FILE   compares the speed of seal with that of AES-256-GCM alone
 * </pre>
 *
 * $KEYWAY_SANDBOX names the file with the line of JSON from the sandbox.
 */
public final class Main {
    private static final int WRONG_USAGE = 2;

    private Main() {}

    /** Runs one of the commands. */
    public static void main(String[] arguments) throws IOException, InterruptedException {
        System.exit(run(arguments));
    }

    private static int run(String[] arguments) throws IOException, InterruptedException {
        String command = arguments.length == 0 ? "cases" : arguments[0];
        if (command.equals("cases") && arguments.length <= 1) {
            return cases();
        }
        if (command.equals("seal") && arguments.length == 3) {
            return seal(arguments[1], HexFormat.of().parseHex(arguments[2]));
        }
        if (command.equals("open") && arguments.length == 2) {
            return open(HexFormat.of().parseHex(arguments[1]));
        }
        if (command.equals("open-all") && arguments.length == 2) {
            return openAll(Path.of(arguments[1]));
        }
        if (command.equals("connect") && arguments.length == 2) {
            Connections.callAll(Path.of(arguments[1]));
            return 0;
        }
        if (command.equals("bench") && arguments.length == 3 && arguments[1].equals("seal")) {
            System.out.println(SealBench.run(Path.of(arguments[2])));
            return 0;
        }
        System.err.println(
                "usage: keyway-conformance [cases | seal KEY AAD_HEX | open AAD_HEX | open-all LIST | connect LIST"
                        + " | bench seal FILE]");
        return WRONG_USAGE;
    }

    private static int cases() throws IOException, InterruptedException {
        JsonElement read = JsonParser.parseString(Files.readString(environmentPath("KEYWAY_CASES")));
        JsonArray cases = read.isJsonArray() ? read.getAsJsonArray() : read.getAsJsonObject().getAsJsonArray("cases");
        boolean allPassed = true;
        try (Sandbox sandbox = sandbox()) {
            CaseRunner runner = new CaseRunner(sandbox);
            for (JsonElement each : cases) {
                JsonObject result = runner.run(each.getAsJsonObject());
                allPassed &= result.get("passed").getAsBoolean();
                // Write bytes, independent of the default character set.
                System.out.write((result + "\n").getBytes(StandardCharsets.UTF_8));
                System.out.flush();
            }
        }
        return allPassed ? 0 : 1;
    }

    private static int seal(String keyName, byte[] associatedData) throws IOException {
        try (Sandbox sandbox = sandbox();
                OutputStream out = new BufferedOutputStream(System.out)) {
            KeywayClient client = sandbox.client();
            Sealer.builder(client.keys(), keyName).build().seal(System.in, out, associatedData);
        }
        return 0;
    }

    private static int open(byte[] associatedData) throws IOException {
        Path whole = Files.createTempFile("keyway-", ".opened");
        try (Sandbox sandbox = sandbox()) {
            Opener opener = Opener.forAnyKey(sandbox.client().keys());
            try (OutputStream out = Files.newOutputStream(whole)) {
                opener.open(System.in, out, associatedData);
            }
            Files.copy(whole, System.out);
            System.out.flush();
            return 0;
        } catch (EnvelopeException refused) {
            System.err.println(refused.getMessage());
            return 1;
        } finally {
            Files.deleteIfExists(whole);
        }
    }

    /** Prints the result for each line of the list. It creates no output for an envelope that is not opened. */
    private static int openAll(Path list) throws IOException {
        try (Sandbox sandbox = sandbox()) {
            Opener opener = Opener.forAnyKey(sandbox.client().keys());
            for (String line : Files.readAllLines(list)) {
                String[] fields = line.split(" ");
                byte[] associatedData = HexFormat.of().parseHex(fields[2].replace("-", ""));
                System.out.println(open(opener, Path.of(fields[0]), Path.of(fields[1]), associatedData));
            }
        }
        return 0;
    }

    private static String open(Opener opener, Path source, Path target, byte[] associatedData) throws IOException {
        try {
            opener.open(source, target, associatedData);
            return "opened";
        } catch (EnvelopeException refused) {
            return "refused";
        } catch (KeywayException failed) {
            return "failed";
        }
    }

    private static Sandbox sandbox() throws IOException {
        return Sandbox.read(environmentPath("KEYWAY_SANDBOX"));
    }

    private static Path environmentPath(String name) {
        String value = System.getenv(name);
        if (value == null) {
            throw new IllegalArgumentException(name + " is not set.");
        }
        return Path.of(value);
    }
}
