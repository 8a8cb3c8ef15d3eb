package dev.keyway.conformance;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import dev.keyway.CertificateWatch;
import dev.keyway.KeywayClient;
import dev.keyway.v1.CertificateEventType;
import dev.keyway.v1.WatchCertificatesRequest;
import dev.keyway.v1.WatchCertificatesResponse;
import java.io.IOException;
import java.time.Duration;
import java.util.Iterator;

/** The rounds of a watch: control requests, a pause, and a number of events. */
final class Watch {
    private static final int PREFIX = "CERTIFICATE_EVENT_TYPE_".length();
    private static final Duration LIMIT = Duration.ofMinutes(2);

    private final KeywayClient client;
    private final JsonObject test;
    private final Sandbox sandbox;

    Watch(KeywayClient client, JsonObject test, Sandbox sandbox) {
        this.client = client;
        this.test = test;
        this.sandbox = sandbox;
    }

    /** Returns the events other than SYNCED. */
    JsonElement run() throws IOException, InterruptedException {
        var request = (WatchCertificatesRequest)
                Json.parse(test.get("request"), WatchCertificatesRequest.getDefaultInstance());
        JsonArray events = new JsonArray();
        try (CertificateWatch watch = client.watchCertificates(request, service -> service.withDeadlineAfter(LIMIT))) {
            for (JsonElement each : Json.asList(test.get("watch"))) {
                JsonObject round = each.getAsJsonObject();
                sandbox.prepare(round);
                Thread.sleep(round.has("pause_ms") ? round.get("pause_ms").getAsLong() : 0);
                read(watch.iterator(), round.get("events").getAsInt(), events);
            }
        }
        JsonObject seen = new JsonObject();
        seen.add("events", events);
        return seen;
    }

    private static void read(Iterator<WatchCertificatesResponse> watch, int count, JsonArray events) {
        int wanted = events.size() + count;
        while (events.size() < wanted) {
            WatchCertificatesResponse event = watch.next();
            if (event.getType() != CertificateEventType.CERTIFICATE_EVENT_TYPE_SYNCED) {
                events.add(event.getType().name().substring(PREFIX) + " " + event.getName());
            }
        }
    }
}
