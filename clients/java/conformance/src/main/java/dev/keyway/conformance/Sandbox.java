package dev.keyway.conformance;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.keyway.KeywayClient;
import dev.keyway.KeywayClientBuilder;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/** The sandbox: clients of its gateway, and the control ports of its emulators. */
final class Sandbox implements AutoCloseable {
    private final JsonObject ready;
    private final Map<String, KeywayClient> clients = new HashMap<>();
    private final HttpClient http = HttpClient.newHttpClient();

    private Sandbox(JsonObject ready) {
        this.ready = ready;
    }

    static Sandbox read(Path readyLine) throws IOException {
        return new Sandbox(JsonParser.parseString(Files.readString(readyLine)).getAsJsonObject());
    }

    /** Returns a client of the plain listener. */
    KeywayClient client() {
        return client(new JsonObject());
    }

    /** Returns the client for a case. Cases with the same settings share a client. */
    KeywayClient client(JsonObject test) {
        String listener = test.has("listener") ? test.get("listener").getAsString() : "plain";
        String token = test.has("token") ? test.get("token").getAsString() : text("token");
        boolean certificate = !test.has("certificate") || Json.isTrue(test, "certificate");
        boolean retries = Json.isTrue(test, "retries");
        String kind = String.join(" ", listener, token, "" + certificate, "" + retries);
        return clients.computeIfAbsent(
                kind, made -> builder(listener, token, certificate).retries(retries).build());
    }

    private KeywayClientBuilder builder(String listener, String token, boolean certificate) {
        String[] addresses = Json.texts(ready.get(listener)).toArray(String[]::new);
        KeywayClientBuilder builder = KeywayClient.builder(addresses);
        if (listener.equals("plain") || listener.equals("watch")) {
            return builder.plaintext();
        }
        builder.tls(file("ca"));
        if (listener.equals("mtls") && certificate) {
            builder.mtls(file("certificate"), file("private_key"));
        }
        if (listener.equals("jwt") && !token.isEmpty()) {
            builder.bearerToken(() -> token);
        }
        return builder;
    }

    private String text(String name) {
        return ready.get(name).getAsString();
    }

    private Path file(String name) {
        return Path.of(ready.getAsJsonObject("tls").get(name).getAsString());
    }

    /** Removes the faults of all emulators. */
    void clearFaults() throws IOException, InterruptedException {
        for (JsonElement base : ready.getAsJsonObject("controls").asMap().values()) {
            send(HttpRequest.newBuilder(URI.create(base.getAsString() + "/faults")).DELETE());
        }
    }

    /** Sends the requests of a case or of a round of a watch. */
    void prepare(JsonObject test) throws IOException, InterruptedException {
        for (JsonElement step : Json.asList(test.get("before"))) {
            control(step.getAsJsonObject());
        }
    }

    private void control(JsonObject step) throws IOException, InterruptedException {
        String base = ready.getAsJsonObject("controls")
                .get(step.get("control").getAsString())
                .getAsString();
        send(HttpRequest.newBuilder(URI.create(base + step.get("path").getAsString()))
                .header("content-type", "application/json")
                .POST(BodyPublishers.ofString(step.get("body").toString())));
    }

    private void send(HttpRequest.Builder request) throws IOException, InterruptedException {
        HttpResponse<String> answer = http.send(request.build(), BodyHandlers.ofString());
        if (answer.statusCode() / 100 != 2) {
            throw new IOException(answer + " said: " + answer.body());
        }
    }

    @Override
    public void close() {
        clients.values().forEach(KeywayClient::close);
    }
}
