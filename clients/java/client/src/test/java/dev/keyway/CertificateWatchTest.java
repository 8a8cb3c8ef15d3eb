package dev.keyway;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.Gson;
import com.google.gson.annotations.SerializedName;
import com.google.protobuf.Any;
import com.google.protobuf.Message;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import dev.keyway.v1.CertificateEventType;
import dev.keyway.v1.WatchCertificatesRequest;
import dev.keyway.v1.WatchCertificatesResponse;
import io.grpc.Context;
import io.grpc.Status;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class CertificateWatchTest {
    private static final WatchCertificatesRequest REQUEST =
            WatchCertificatesRequest.newBuilder().setParent("providers/p").build();
    private static final String PREFIX = "CERTIFICATE_EVENT_TYPE_";

    private final CountDownLatch opened = new CountDownLatch(1);
    private final CountDownLatch cancelled = new CountDownLatch(1);

    /** A scenario of tests/clients/watches.json: the streams of a gateway, and what the client delivers. */
    record Scenario(
            String name,
            @SerializedName("request_token") String requestToken,
            List<Script> streams,
            List<String> delivered,
            String error) {
        @Override
        public String toString() {
            return name;
        }
    }

    /** The end is the status of the stream. Without it, the stream stays open. */
    record Script(String token, List<Event> events, End end) {
        void send(StreamObserver<WatchCertificatesResponse> observer) {
            events.forEach(event -> observer.onNext(event.message()));
            if (end != null && end.status().equals("OK")) {
                observer.onCompleted();
            } else if (end != null) {
                observer.onError(StatusProto.toStatusRuntimeException(end.message()));
            }
        }
    }

    record Event(
            String type, String name, String version, String token, String reason, boolean complete, int coalesced) {
        WatchCertificatesResponse message() {
            return WatchCertificatesResponse.newBuilder()
                    .setType(CertificateEventType.valueOf(PREFIX + type))
                    .setName(text(name))
                    .setVersion(text(version))
                    .setResumeToken(text(token))
                    .setReason(text(reason))
                    .setComplete(complete)
                    .setCoalescedCount(coalesced)
                    .build();
        }

        private static String text(String value) {
            return value == null ? "" : value;
        }
    }

    record End(String status, String reason, @SerializedName("retry_delay_ms") int retryDelayMs) {
        com.google.rpc.Status message() {
            List<Message> details = new ArrayList<>();
            if (reason != null) {
                details.add(ErrorInfo.newBuilder()
                        .setReason(reason)
                        .setDomain("keyway")
                        .build());
            }
            if (retryDelayMs > 0) {
                var delay = com.google.protobuf.Duration.newBuilder().setSeconds(retryDelayMs / 1000)
                        .setNanos(retryDelayMs % 1000 * 1_000_000);
                details.add(RetryInfo.newBuilder().setRetryDelay(delay).build());
            }
            return com.google.rpc.Status.newBuilder()
                    .setCode(Status.Code.valueOf(status).value())
                    .setMessage("the end")
                    .addAllDetails(details.stream().map(Any::pack).toList())
                    .build();
        }
    }

    static Stream<Scenario> scenarios() throws IOException {
        String text = Files.readString(Sandbox.REPOSITORY.resolve("tests/clients/watches.json"));
        return Stream.of(new Gson().fromJson(text, Scenario[].class));
    }

    @ParameterizedTest
    @MethodSource("scenarios")
    void changesAreDelivered(Scenario scenario) throws Exception {
        List<String> tokens = new CopyOnWriteArrayList<>();
        List<String> delivered = new ArrayList<>();
        String error = null;
        try (ScriptedServer server = new ScriptedServer();
                KeywayClient client = client(server)) {
            server.watches((request, observer) -> {
                tokens.add(request.getResumeToken());
                scenario.streams().get(tokens.size() - 1).send(observer);
            });
            var request = REQUEST.toBuilder().setResumeToken(scenario.requestToken());
            try (CertificateWatch watch = client.watchCertificates(request.build())) {
                for (WatchCertificatesResponse event : watch) {
                    delivered.add(described(event));
                    if (scenario.error() == null && delivered.size() == scenario.delivered().size()) {
                        break;
                    }
                }
            } catch (KeywayException failure) {
                error = failure.code().name();
            }
        }
        assertEquals(scenario.delivered(), delivered);
        assertEquals(scenario.error(), error);
        assertEquals(scenario.streams().stream().map(Script::token).toList(), tokens);
    }

    @Test
    void closeEndsTheIteration() throws Exception {
        try (ScriptedServer server = new ScriptedServer();
                KeywayClient client = client(server)) {
            server.watches(this::staysOpen);
            CertificateWatch watch = client.watchCertificates(REQUEST);
            var events = CompletableFuture.supplyAsync(() -> count(watch));
            await(opened);
            watch.close();
            assertTrue(events.get(20, TimeUnit.SECONDS) <= 1);
            await(cancelled);
            assertFalse(watch.iterator().hasNext());
        }
    }

    @Test
    void closeEndsTheWaitForANewStream() throws Exception {
        try (ScriptedServer server = new ScriptedServer();
                KeywayClient client = client(server)) {
            server.watches((request, observer) -> {
                observer.onNext(synced());
                var end = new End("UNAVAILABLE", "SERVER_DRAINING", 60_000);
                observer.onError(StatusProto.toStatusRuntimeException(end.message()));
                opened.countDown();
            });
            CertificateWatch watch = client.watchCertificates(REQUEST);
            watch.iterator().next();
            await(opened);
            var more = CompletableFuture.supplyAsync(watch.iterator()::hasNext);
            watch.close();
            assertFalse(more.get(20, TimeUnit.SECONDS));
        }
    }

    @Test
    void interruptEndsTheIteration() throws Exception {
        try (ScriptedServer server = new ScriptedServer();
                KeywayClient client = client(server)) {
            server.watches(this::staysOpen);
            var failure = new CompletableFuture<Throwable>();
            CountDownLatch reading = new CountDownLatch(1);
            Thread reader = new Thread(() -> {
                Iterator<WatchCertificatesResponse> events =
                        client.watchCertificates(REQUEST).iterator();
                events.next();
                reading.countDown();
                try {
                    events.next();
                } catch (KeywayException expected) {
                    failure.complete(Thread.currentThread().isInterrupted() ? expected : new AssertionError());
                }
            });
            reader.start();
            await(reading);
            reader.interrupt();
            var thrown = (KeywayException) failure.get(20, TimeUnit.SECONDS);
            assertEquals(Status.Code.CANCELLED, thrown.code());
            await(cancelled);
        }
    }

    @Test
    void closedClientEndsTheIteration() throws Exception {
        try (ScriptedServer server = new ScriptedServer()) {
            server.watches(this::staysOpen);
            KeywayClient client = client(server);
            Iterator<WatchCertificatesResponse> events =
                    client.watchCertificates(REQUEST).iterator();
            events.next();
            client.close();
            KeywayException failure = assertThrows(KeywayException.class, events::next);
            assertEquals(Status.Code.UNAVAILABLE, failure.code());
            assertEquals("The client is closed.", failure.statusMessage());
            // The client ended the stream. The channel ends streams that are open after the time limit as UNAVAILABLE.
            KeywayException end = (KeywayException) failure.getCause().getCause();
            assertEquals(Status.Code.CANCELLED, end.code());
            await(cancelled);
            assertFalse(events.hasNext());
        }
    }

    @Test
    void closedClientEndsTheWaitForANewStream() throws Exception {
        try (ScriptedServer server = new ScriptedServer()) {
            server.watches((request, observer) -> {
                observer.onNext(synced());
                var end = new End("UNAVAILABLE", "SERVER_DRAINING", 3_600_000);
                observer.onError(StatusProto.toStatusRuntimeException(end.message()));
            });
            KeywayClient client = client(server);
            Iterator<WatchCertificatesResponse> events =
                    client.watchCertificates(REQUEST).iterator();
            events.next();
            var more = CompletableFuture.supplyAsync(events::hasNext);
            client.close();
            var failure = assertThrows(ExecutionException.class, () -> more.get(20, TimeUnit.SECONDS));
            assertEquals("The client is closed.", ((KeywayException) failure.getCause()).statusMessage());
        }
    }

    @Test
    void watchHasOnlyItsOwnDeadline() throws Exception {
        try (ScriptedServer server = new ScriptedServer();
                KeywayClient client = KeywayClient.builder(server.address())
                        .plaintext()
                        .defaultDeadline(Duration.ofNanos(1))
                        .build()) {
            server.watches(this::staysOpen);
            // On a busy machine, a short deadline can end before the first event.
            int events = 0;
            for (int seconds = 1; events == 0 && seconds < 60; seconds *= 6) {
                events = eventsUntilDeadline(client, Duration.ofSeconds(seconds));
            }
            assertEquals(1, events);
        }
    }

    private static int eventsUntilDeadline(KeywayClient client, Duration deadline) {
        int count = 0;
        try (CertificateWatch watch = client.watchCertificates(
                REQUEST, service -> service.withDeadlineAfter(deadline))) {
            for (var each : watch) {
                count += each.isInitialized() ? 1 : 0;
            }
        } catch (KeywayException failure) {
            assertEquals(Status.Code.DEADLINE_EXCEEDED, failure.code());
            return count;
        }
        throw new AssertionError("the iteration ended without an error");
    }

    @Test
    void refusedPortFailsImmediately() throws Exception {
        int port;
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = socket.getLocalPort();
        }
        try (KeywayClient client = KeywayClient.builder("127.0.0.1:" + port).plaintext().build();
                CertificateWatch watch = client.watchCertificates(REQUEST)) {
            var failure = assertThrows(KeywayException.class, watch.iterator()::next);
            assertEquals(Problem.REFUSED, failure.problem().orElseThrow());
        }
    }

    /** Sends SYNCED, and waits until the client ends the stream. */
    private void staysOpen(WatchCertificatesRequest request, StreamObserver<WatchCertificatesResponse> observer) {
        Context.current().addListener(context -> cancelled.countDown(), Runnable::run);
        observer.onNext(synced());
        opened.countDown();
    }

    private static WatchCertificatesResponse synced() {
        return WatchCertificatesResponse.newBuilder()
                .setType(CertificateEventType.CERTIFICATE_EVENT_TYPE_SYNCED)
                .build();
    }

    private static KeywayClient client(ScriptedServer server) {
        return KeywayClient.builder(server.address()).plaintext().retries(false).build();
    }

    private static String described(WatchCertificatesResponse event) {
        String type = event.getType().name().substring(PREFIX.length());
        return String.join(" ", type, event.getName(), event.getVersion()).strip();
    }

    private static int count(Iterable<WatchCertificatesResponse> events) {
        int count = 0;
        for (var each : events) {
            count += each.isInitialized() ? 1 : 0;
        }
        return count;
    }

    private static void await(CountDownLatch latch) throws InterruptedException {
        assertTrue(latch.await(20, TimeUnit.SECONDS));
    }
}
