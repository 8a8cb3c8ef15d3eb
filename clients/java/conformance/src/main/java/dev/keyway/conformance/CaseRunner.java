package dev.keyway.conformance;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import dev.keyway.KeywayClient;
import dev.keyway.KeywayException;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.CancellationException;

/** Runs a case: sets up the emulators, makes the calls in order, and reports the result. */
final class CaseRunner {
    private final Sandbox sandbox;

    CaseRunner(Sandbox sandbox) {
        this.sandbox = sandbox;
    }

    /** Runs a case; returns its result. */
    JsonObject run(JsonObject test) throws InterruptedException {
        List<String> differences;
        try {
            differences = differences(test);
        } catch (IOException | RuntimeException broken) {
            differences = List.of(broken.toString());
        }
        JsonObject result = new JsonObject();
        result.add("case", test.get("name"));
        result.addProperty("passed", differences.isEmpty());
        result.addProperty("why", String.join("; ", differences));
        return result;
    }

    private List<String> differences(JsonObject test) throws IOException, InterruptedException {
        sandbox.clearFaults();
        sandbox.prepare(test);
        KeywayClient client = sandbox.client(test);
        Outcome first = call(client, test);
        List<String> differences = first.differences(test.getAsJsonObject("expect"));
        for (JsonElement next : Json.asList(test.get("then"))) {
            if (!differences.isEmpty()) {
                break;
            }
            // `${path}` stands for a value in the response of the first call.
            JsonObject step = Json.filled(next, first.response()).getAsJsonObject();
            differences = call(client, step).differences(step.getAsJsonObject("expect"));
        }
        return differences;
    }

    private Outcome call(KeywayClient client, JsonObject step)
            throws IOException, InterruptedException {
        Observer observer = new Observer();
        try {
            if (step.has("watch")) {
                return Outcome.answered(new Watch(client, step, sandbox).run(), observer.trailers());
            }
            return Outcome.answered(new Call(client, step, observer).run(), observer.trailers());
        } catch (CancellationException cancelled) {
            return Outcome.cancelled(observer.trailers());
        } catch (KeywayException failed) {
            return Outcome.failed(failed, observer.trailers());
        }
    }
}
