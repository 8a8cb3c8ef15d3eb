package dev.keyway.conformance;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.keyway.KeywayClient;
import dev.keyway.KeywayClientBuilder;
import dev.keyway.KeywayException;
import dev.keyway.v1.ListProvidersRequest;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** The first call over each connection of a list, and its error. */
final class Connections {
    private static final double NANOSECONDS = 1e9;

    private Connections() {}

    /** Prints one line of JSON per connection. */
    static void callAll(Path list) throws IOException {
        for (JsonElement each : JsonParser.parseString(Files.readString(list)).getAsJsonArray()) {
            JsonObject connection = each.getAsJsonObject();
            JsonObject result = new JsonObject();
            result.addProperty("name", text(connection, "name"));
            long began = System.nanoTime();
            firstCall(connection, result);
            result.addProperty("seconds", (System.nanoTime() - began) / NANOSECONDS);
            System.out.write((result + "\n").getBytes(StandardCharsets.UTF_8));
            System.out.flush();
        }
    }

    private static void firstCall(JsonObject connection, JsonObject result) {
        try (KeywayClient client = builder(connection).build()) {
            client.providers().listProviders(ListProvidersRequest.getDefaultInstance());
            result.addProperty("text", "no error");
        } catch (KeywayException failure) {
            result.addProperty("problem", failure.problem().map(Enum::name).orElse(""));
            result.addProperty("text", failure.getMessage());
        }
    }

    private static KeywayClientBuilder builder(JsonObject connection) {
        KeywayClientBuilder builder = KeywayClient.builder(text(connection, "address"));
        if (connection.has("plaintext")) {
            return builder.plaintext();
        }
        builder.tls(Path.of(text(connection, "ca")));
        if (connection.has("certificate")) {
            builder.mtls(Path.of(text(connection, "certificate")), Path.of(text(connection, "private_key")));
        }
        if (connection.has("token")) {
            builder.bearerToken(text(connection, "token"));
        }
        if (connection.has("server_name")) {
            builder.configure(channel -> channel.overrideAuthority(text(connection, "server_name")));
        }
        return builder;
    }

    private static String text(JsonObject connection, String name) {
        return connection.get(name).getAsString();
    }
}
