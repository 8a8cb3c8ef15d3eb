package dev.keyway;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.Any;
import com.google.rpc.ErrorInfo;
import dev.keyway.v1.GenerateDataKeyRequest;
import dev.keyway.v1.ListProvidersRequest;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.Test;

class ConnectionProblemsTest {
    private static final Path MATERIAL = Sandbox.REPOSITORY.resolve("tests/clients/material");
    private static final Duration AT_ONCE = Duration.ofMillis(800);

    private final Sandbox sandbox = Sandbox.shared();

    private static KeywayException firstFailure(KeywayClientBuilder builder) {
        try (KeywayClient client = builder.build()) {
            return assertThrows(KeywayException.class, () -> client.providers()
                    .listProviders(ListProvidersRequest.getDefaultInstance()));
        }
    }

    private static void assertProblem(Problem problem, KeywayClientBuilder builder) {
        KeywayException failure = firstFailure(builder.retries(false));
        assertEquals(Optional.of(problem), failure.problem(), failure.getCause().toString());
        assertEquals("UNAVAILABLE: " + problem.sentence(), failure.getMessage());
        assertEquals(problem.sentence(), failure.statusMessage());
    }

    private static String unused() throws IOException {
        try (ServerSocket bound = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return "127.0.0.1:" + bound.getLocalPort();
        }
    }

    private KeywayClientBuilder trusting(String listener) {
        return KeywayClient.builder(sandbox.address(listener)).tls(sandbox.file("ca"));
    }

    @Test
    void brokenConnectionHasItsSentence() throws IOException {
        Path authority = MATERIAL.resolve("authority.pem");
        assertProblem(Problem.REFUSED, KeywayClient.builder(unused()).plaintext());
        assertProblem(Problem.TLS_REQUIRED, KeywayClient.builder(sandbox.address("jwt")).plaintext());
        assertProblem(Problem.PLAINTEXT_REQUIRED, trusting("plain"));
        assertProblem(Problem.UNTRUSTED, KeywayClient.builder(sandbox.address("jwt")).tls(authority));
        assertProblem(
                Problem.HOST_NAME,
                trusting("jwt").configure(channel -> channel.overrideAuthority("keyway.example.org")));
        assertProblem(Problem.CLIENT_CERTIFICATE_MISSING, trusting("mtls"));
        assertProblem(
                Problem.CLIENT_CERTIFICATE_REJECTED,
                trusting("mtls").mtls(MATERIAL.resolve("leaf.pem"), MATERIAL.resolve("leaf-key.pem")));
        assertProblem(
                Problem.UNRESOLVED, KeywayClient.builder("gateway.invalid:443").tls(sandbox.file("ca")));
    }

    @Test
    void refusedLoopbackPortFailsAtOnce() throws IOException {
        firstFailure(KeywayClient.builder(unused()).plaintext()); // loads the classes
        String address = unused();
        for (String[] addresses : new String[][] {{address}, {address, address}}) {
            long began = System.nanoTime();
            KeywayException failure = firstFailure(KeywayClient.builder(addresses).plaintext());
            assertEquals(Optional.of(Problem.REFUSED), failure.problem());
            assertTrue(System.nanoTime() - began < AT_ONCE.toNanos());
        }
    }

    @Test
    void callThatWaitsForTheGatewayIsNotFailed() throws IOException {
        try (KeywayClient client = KeywayClient.builder(unused()).plaintext().build()) {
            KeywayException failure = assertThrows(KeywayException.class, () -> client.providers()
                    .withWaitForReady()
                    .withDeadlineAfter(Duration.ofMillis(300))
                    .listProviders(ListProvidersRequest.getDefaultInstance()));
            assertEquals(Status.Code.DEADLINE_EXCEEDED, failure.code());
        }
    }

    @Test
    void closedConnectionIsNoProblemOfTheSettingsAfterASuccessfulCall() throws IOException {
        try (ScriptedServer server = new ScriptedServer();
                KeywayClient client = KeywayClient.builder(server.address())
                        .plaintext()
                        .retries(false)
                        .build()) {
            client.keys().generateDataKey(GenerateDataKeyRequest.getDefaultInstance());
            int port = Integer.parseInt(server.address().split(":")[1]);
            server.stop();
            try (ServerSocket closing = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
                new Thread(() -> closeAll(closing)).start();
                KeywayException failure;
                do {
                    // The first calls can still use the old connection.
                    failure = assertThrows(KeywayException.class, () -> client.keys()
                            .generateDataKey(GenerateDataKeyRequest.getDefaultInstance()));
                    assertEquals(Optional.empty(), failure.problem().filter(each -> each != Problem.REFUSED));
                } while (!failure.statusMessage().contains("Network closed"));
            }
        }
    }

    private static void closeAll(ServerSocket closing) {
        while (true) {
            try (Socket accepted = closing.accept()) {
                accepted.getInputStream().read();
            } catch (IOException ended) {
                return;
            }
        }
    }

    @Test
    void errorOfAProxyIsNotReplaced() throws IOException {
        String text = "upstream connect error: delayed connect error: Connection refused";
        Metadata trailers = new Metadata();
        trailers.put(Metadata.Key.of("server", Metadata.ASCII_STRING_MARSHALLER), "proxy");
        try (ScriptedServer server = new ScriptedServer();
                KeywayClient client =
                        KeywayClient.builder(server.address()).plaintext().retries(false).build()) {
            server.dataKeys(() -> {
                throw Status.UNAVAILABLE.withDescription(text).asRuntimeException(trailers);
            });
            KeywayException failure = assertThrows(KeywayException.class, () -> client.keys()
                    .generateDataKey(GenerateDataKeyRequest.getDefaultInstance()));
            assertEquals(Optional.empty(), failure.problem());
            assertEquals(text, failure.statusMessage());
        }
    }

    @Test
    void rejectionByTheGatewayStatesTheFix() throws IOException {
        try (ScriptedServer server = new ScriptedServer();
                KeywayClient client =
                        KeywayClient.builder(server.address()).plaintext().build()) {
            server.dataKeys(() -> {
                throw rejection(Status.Code.UNAUTHENTICATED, "UNAUTHENTICATED", "the bearer token has expired");
            });
            KeywayException failure = assertThrows(KeywayException.class, () -> client.keys()
                    .generateDataKey(GenerateDataKeyRequest.getDefaultInstance()));
            assertEquals(Optional.of(Problem.TOKEN_EXPIRED), failure.problem());
            assertEquals("the bearer token has expired", failure.statusMessage());
            String fix = "request a new token, or correct the clock";
            assertEquals("UNAUTHENTICATED: the bearer token has expired: " + fix, failure.getMessage());
            server.dataKeys(() -> {
                throw rejection(Status.Code.NOT_FOUND, "KEY_NOT_FOUND", "no such key");
            });
            KeywayException other = assertThrows(KeywayException.class, () -> client.keys()
                    .generateDataKey(GenerateDataKeyRequest.getDefaultInstance()));
            assertEquals(Optional.empty(), other.problem());
            assertEquals("NOT_FOUND KEY_NOT_FOUND: no such key", other.getMessage());
        }
    }

    private static StatusRuntimeException rejection(Status.Code code, String reason, String message) {
        ErrorInfo info =
                ErrorInfo.newBuilder().setReason(reason).setDomain("keyway").build();
        return StatusProto.toStatusRuntimeException(com.google.rpc.Status.newBuilder()
                .setCode(code.value())
                .setMessage(message)
                .addDetails(Any.pack(info))
                .build());
    }

    @Test
    void logOfGrpcIsOffUnlessConfigured() {
        Logger grpc = Logger.getLogger("io.grpc");
        Level before = grpc.getLevel();
        grpc.setLevel(null);
        try {
            GrpcLog.quiet();
            assertEquals(Level.SEVERE, grpc.getLevel());
            grpc.setLevel(Level.INFO);
            GrpcLog.quiet();
            assertEquals(Level.INFO, grpc.getLevel());
            grpc.setLevel(null);
            Logger root = Logger.getLogger("");
            Handler own = new Ignoring();
            root.addHandler(own);
            GrpcLog.quiet();
            root.removeHandler(own);
            assertEquals(null, grpc.getLevel());
        } finally {
            grpc.setLevel(before);
        }
    }

    private static final class Ignoring extends Handler {
        @Override
        public void publish(LogRecord logged) {
            // Not needed.
        }

        @Override
        public void flush() {
            // Nothing is buffered.
        }

        @Override
        public void close() {
            // Nothing is open.
        }
    }
}
