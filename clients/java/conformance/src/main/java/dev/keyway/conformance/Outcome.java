package dev.keyway.conformance;

import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import dev.keyway.KeywayException;
import io.grpc.Metadata;
import java.util.ArrayList;
import java.util.List;

/** The outcome of a call, and its comparison with the expectation of a case. */
record Outcome(String status, JsonElement response, KeywayException error, Metadata trailers) {
    static Outcome answered(JsonElement response, Metadata trailers) {
        return new Outcome("OK", response, null, trailers);
    }

    static Outcome failed(KeywayException error, Metadata trailers) {
        return new Outcome(error.code().name(), JsonNull.INSTANCE, error, trailers);
    }

    static Outcome cancelled(Metadata trailers) {
        return new Outcome("CANCELLED", JsonNull.INSTANCE, null, trailers);
    }

    /** Returns one line per difference to the expectation. */
    List<String> differences(JsonObject expected) {
        List<String> found = new ArrayList<>();
        String wanted = expected.get("status").getAsString();
        if (!wanted.equals(status)) {
            return List.of("status is " + status + ", not " + wanted + (error == null ? "" : ": " + error.getMessage()));
        }
        if (expected.has("response")) {
            found.addAll(Json.differences("response", expected.get("response"), response));
        }
        for (String name : Json.texts(expected.get("present"))) {
            if (Json.isEmpty(response.getAsJsonObject().get(name))) {
                found.add(name + " is missing");
            }
        }
        for (String name : Json.texts(expected.get("absent"))) {
            if (!Json.isEmpty(response.getAsJsonObject().get(name))) {
                found.add(name + " is present");
            }
        }
        for (String name : Json.texts(expected.get("trailers"))) {
            if (!trailers.containsKey(Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER))) {
                found.add("trailer " + name + " is missing");
            }
        }
        found.addAll(differencesOfError(expected));
        return found;
    }

    private List<String> differencesOfError(JsonObject expected) {
        JsonObject actual = new JsonObject();
        if (error != null) {
            actual.addProperty("reason", error.reason());
            actual.add("metadata", Json.ofTexts(error.metadata()));
            actual.add(
                    "violations",
                    Json.ofTexts(error.violations().stream().map(each -> each.field())));
            actual.addProperty("retry_info", error.retryDelay().isPresent());
        }
        List<String> found = new ArrayList<>();
        for (String name : List.of("reason", "metadata", "retry_info")) {
            if (expected.has(name)) {
                found.addAll(Json.differences(name, expected.get(name), actual.get(name)));
            }
        }
        if (expected.has("violations")) {
            JsonElement fields = Json.ofTexts(Json.texts(expected.get("violations")).stream());
            found.addAll(Json.differences("violations", fields, actual.get("violations")));
        }
        return found;
    }
}
