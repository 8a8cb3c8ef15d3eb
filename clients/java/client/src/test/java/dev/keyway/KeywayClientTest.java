package dev.keyway;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import dev.keyway.v1.DeleteCertificateRequest;
import dev.keyway.v1.EncryptRequest;
import dev.keyway.v1.GenerateDataKeyRequest;
import dev.keyway.v1.GetSecretRequest;
import dev.keyway.v1.KeyServiceGrpc;
import dev.keyway.v1.ListProvidersRequest;
import io.grpc.Metadata;
import io.grpc.Status;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.TraceFlags;
import io.opentelemetry.api.trace.TraceState;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.logging.Logger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KeywayClientTest {
    private static final GetSecretRequest SECRET = GetSecretRequest.newBuilder()
            .setName("providers/nhn-keys/secrets/demo-secret")
            .build();
    private static final Metadata.Key<String> TRACEPARENT =
            Metadata.Key.of("traceparent", Metadata.ASCII_STRING_MARSHALLER);

    private final Sandbox sandbox = Sandbox.shared();

    @Test
    void blockingAndFutureStubsCall() throws Exception {
        EncryptRequest request = EncryptRequest.newBuilder()
                .setName("providers/nhn-keys/keys/orders-key")
                .setPlaintext(ByteString.copyFromUtf8("주문 42"))
                .build();
        try (KeywayClient client = sandbox.plain()) {
            assertEquals(2, client.keys().encrypt(request).getKeyVersion());
            var future = client.stub(KeyServiceGrpc::newFutureStub).encrypt(request);
            assertFalse(future.get(10, TimeUnit.SECONDS).getCiphertext().isEmpty());
        }
    }

    @Test
    void clientCertificateIsSent() {
        KeywayClientBuilder trusting = KeywayClient.builder(sandbox.address("mtls")).tls(sandbox.file("ca"));
        try (KeywayClient withoutCertificate = trusting.retries(false).build()) {
            assertThrows(KeywayException.class, () -> withoutCertificate.keys().getSecret(SECRET));
        }
        trusting.mtls(sandbox.file("certificate"), sandbox.file("private_key"));
        try (KeywayClient known = trusting.build()) {
            assertFalse(known.keys().getSecret(SECRET).getPayload().isEmpty());
        }
    }

    @Test
    void replacedCertificateIsSentAtTheNextConnection(@TempDir Path folder) throws Exception {
        Path material = Sandbox.REPOSITORY.resolve("tests/clients/material");
        Path certificate = Files.copy(material.resolve("leaf.pem"), folder.resolve("certificate.pem"));
        Path key = Files.copy(material.resolve("leaf-key.pem"), folder.resolve("key.pem"));
        try (KeywayClient client = KeywayClient.builder(sandbox.address("mtls"))
                .tls(sandbox.file("ca"))
                .mtls(certificate, key)
                .retries(false)
                .build()) {
            assertThrows(KeywayException.class, () -> client.keys().getSecret(SECRET));
            Files.copy(sandbox.file("certificate"), certificate, StandardCopyOption.REPLACE_EXISTING);
            Files.copy(sandbox.file("private_key"), key, StandardCopyOption.REPLACE_EXISTING);
            assertFalse(client.keys().withWaitForReady().getSecret(SECRET).getPayload().isEmpty());
        }
    }

    @Test
    void unreadableCertificateKeepsThePreviousOne(@TempDir Path folder) throws Exception {
        Path certificate = Files.copy(sandbox.file("certificate"), folder.resolve("certificate.pem"));
        try (KeywayClient client = KeywayClient.builder(sandbox.address("mtls"))
                .tls(sandbox.file("ca"))
                .mtls(certificate, sandbox.file("private_key"))
                .build()) {
            Files.writeString(certificate, "half writ");
            Logger log = Logger.getLogger(CertificateFiles.class.getName());
            log.setUseParentHandlers(false);
            assertFalse(client.keys().getSecret(SECRET).getPayload().isEmpty());
            log.setUseParentHandlers(true);
        }
    }

    @Test
    void untrustedServerIsRejected() {
        try (KeywayClient client =
                KeywayClient.builder(sandbox.address("jwt")).retries(false).build()) {
            var refused = assertThrows(KeywayException.class, () -> client.providers()
                    .listProviders(ListProvidersRequest.getDefaultInstance()));
            assertEquals(Status.Code.UNAVAILABLE, refused.code());
        }
    }

    @Test
    void tokenSupplierIsCalledForEachCall() {
        AtomicInteger asked = new AtomicInteger();
        try (KeywayClient client = KeywayClient.builder(sandbox.address("jwt"))
                .tls(sandbox.file("ca"))
                .bearerToken(() -> asked.incrementAndGet() == 2 ? "made-up" : sandbox.token())
                .build()) {
            var stub = client.providers();
            ListProvidersRequest request = ListProvidersRequest.getDefaultInstance();
            assertEquals(3, stub.listProviders(request).getProvidersCount());
            var refused = assertThrows(KeywayException.class, () -> stub.listProviders(request));
            assertEquals(Status.Code.UNAUTHENTICATED, refused.code());
            assertEquals(3, stub.listProviders(request).getProvidersCount());
        }
    }

    @Test
    void failedTokenSupplierIsUnauthenticated() {
        try (KeywayClient client = KeywayClient.builder(sandbox.address("jwt"))
                .tls(sandbox.file("ca"))
                .bearerToken(() -> {
                    throw new IllegalStateException("no token today");
                })
                .build()) {
            var failed = assertThrows(KeywayException.class, () -> client.providers()
                    .listProviders(ListProvidersRequest.getDefaultInstance()));
            assertEquals(Status.Code.UNAUTHENTICATED, failed.code());
            assertEquals("no token today", failed.getCause().getCause().getMessage());
        }
    }

    @Test
    void whitespaceAroundATokenIsRemoved() {
        ListProvidersRequest request = ListProvidersRequest.getDefaultInstance();
        try (KeywayClient client = KeywayClient.builder(sandbox.address("jwt"))
                .tls(sandbox.file("ca"))
                .bearerToken(sandbox.token() + "\n")
                .build()) {
            assertEquals(3, client.providers().listProviders(request).getProvidersCount());
        }
        for (String unfit : new String[] {"", "\n", "sec\nret", "geheim\u00df"}) {
            try (KeywayClient client = KeywayClient.builder(sandbox.address("jwt"))
                    .tls(sandbox.file("ca"))
                    .bearerToken(unfit)
                    .build()) {
                var failed = assertThrows(KeywayException.class, () -> client.providers()
                        .listProviders(request));
                assertEquals(Status.Code.UNAUTHENTICATED, failed.code());
                assertTrue(failed.getCause().getCause().getMessage().startsWith("The token is empty"));
            }
        }
    }

    @Test
    void tokenRequiresTls() {
        KeywayClientBuilder builder =
                KeywayClient.builder("127.0.0.1:50051").plaintext().bearerToken("secret");
        var refused = assertThrows(IllegalArgumentException.class, builder::build);
        assertFalse(refused.getMessage().contains("secret"));
    }

    @Test
    void plaintextIsLimitedToLoopback() {
        for (String local : new String[] {"localhost:1", "127.0.0.1:1", "127.8.9.10:1", "[::1]:1"}) {
            KeywayClient.builder(local).plaintext().build().close();
        }
        for (String far : new String[] {"gateway:1", "127.0.0.1.example.com:1", "10.0.0.1:1", "[fe80::1]:1"}) {
            KeywayClientBuilder builder = KeywayClient.builder("localhost:1", far).plaintext();
            assertThrows(IllegalArgumentException.class, builder::build, far);
            builder.plaintextBeyondLoopback().build().close();
        }
    }

    @Test
    void contradictingSettingsAreRejected() {
        KeywayClientBuilder both = KeywayClient.builder("localhost:1").plaintext().tls(sandbox.file("ca"));
        assertThrows(IllegalArgumentException.class, both::build);
        KeywayClientBuilder noFile = KeywayClient.builder("localhost:1").tls(Path.of("not-there.pem"));
        assertThrows(IllegalArgumentException.class, noFile::build);
        KeywayClientBuilder noCertificate =
                KeywayClient.builder("localhost:1").mtls(Path.of("not-there.pem"), Path.of("not-there.key"));
        assertThrows(IllegalArgumentException.class, noCertificate::build);
        assertThrows(IllegalArgumentException.class, KeywayClient::builder);
        for (String wrong : new String[] {"gateway", "gateway:", "gateway:0", "gateway:99999", ":1", "a b:1", "http://a:1"}) {
            assertThrows(IllegalArgumentException.class, () -> KeywayClient.builder(wrong), wrong);
        }
    }

    @Test
    void callsGoToAllAddresses() throws Exception {
        try (ScriptedServer one = new ScriptedServer();
                ScriptedServer other = new ScriptedServer();
                KeywayClient client = KeywayClient.builder(one.address(), other.address().replace("127.0.0.1", "localhost"))
                        .plaintext()
                        .build()) {
            // Both are connected to before calls are shared out: the first calls may go to the one that was faster.
            long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
            while (one.headers().size() < 2 || other.headers().size() < 2) {
                assertTrue(System.nanoTime() < end, "One of the servers was never called.");
                client.keys().generateDataKey(GenerateDataKeyRequest.getDefaultInstance());
            }
        }
    }

    @Test
    void unreachableAddressIsSkipped() throws Exception {
        try (KeywayClient client = KeywayClient.builder(unusedAddress(), sandbox.address("plain"))
                .plaintext()
                .build()) {
            for (int i = 0; i < 4; i++) {
                assertEquals(3, client.providers()
                        .listProviders(ListProvidersRequest.getDefaultInstance())
                        .getProvidersCount());
            }
        }
    }

    @Test
    void certificatesAreVerifiedForEachAddress() {
        String address = sandbox.address("jwt");
        try (KeywayClient client = KeywayClient.builder(address, address)
                .tls(sandbox.file("ca"))
                .bearerToken(sandbox.token())
                .build()) {
            assertEquals(3, client.providers()
                    .listProviders(ListProvidersRequest.getDefaultInstance())
                    .getProvidersCount());
        }
    }

    @Test
    void channelOptionsAreApplied() {
        KeywayClientBuilder builder = KeywayClient.builder(sandbox.address("jwt"))
                .tls(sandbox.file("ca"))
                .bearerToken(sandbox.token())
                .retries(false)
                .configure(channel -> channel.overrideAuthority("gateway.internal"));
        try (KeywayClient client = builder.build()) {
            assertThrows(KeywayException.class, () -> client.providers()
                    .listProviders(ListProvidersRequest.getDefaultInstance()));
        }
    }

    @Test
    void defaultDeadlineApplies() throws Exception {
        try (ScriptedServer server = new ScriptedServer();
                KeywayClient client = KeywayClient.builder(server.address())
                        .plaintext()
                        .defaultDeadline(Duration.ofSeconds(20))
                        .build()) {
            GenerateDataKeyRequest request = GenerateDataKeyRequest.getDefaultInstance();
            client.keys().generateDataKey(request);
            client.keys().withDeadlineAfter(Duration.ofSeconds(90)).generateDataKey(request);
            long standard = server.millisecondsLeft().get(0);
            long own = server.millisecondsLeft().get(1);
            assertTrue(standard > 0 && standard <= 20_000, "left: " + standard);
            assertTrue(own > 20_000 && own <= 90_000, "left: " + own);
        }
    }

    @Test
    void onlyIdempotentCallsAreRetried() throws Exception {
        try (ScriptedServer server = new ScriptedServer();
                KeywayClient client =
                        KeywayClient.builder(server.address()).plaintext().build()) {
            server.failWith(Status.UNAVAILABLE);
            assertThrows(KeywayException.class, () -> client.certificates()
                    .deleteCertificate(DeleteCertificateRequest.getDefaultInstance()));
            assertEquals(1, server.headers().size());
            assertThrows(KeywayException.class, () -> client.keys()
                    .generateDataKey(GenerateDataKeyRequest.getDefaultInstance()));
            assertEquals(1 + 5, server.headers().size());
            server.failWith(Status.INTERNAL);
            assertThrows(KeywayException.class, () -> client.keys()
                    .generateDataKey(GenerateDataKeyRequest.getDefaultInstance()));
            assertEquals(1 + 5 + 1, server.headers().size());
        }
    }

    @Test
    void retriesCanBeDisabled() throws Exception {
        try (ScriptedServer server = new ScriptedServer();
                KeywayClient client = KeywayClient.builder(server.address())
                        .plaintext()
                        .retries(false)
                        .build()) {
            server.failWith(Status.UNAVAILABLE);
            assertThrows(KeywayException.class, () -> client.keys()
                    .generateDataKey(GenerateDataKeyRequest.getDefaultInstance()));
            assertEquals(1, server.headers().size());
        }
    }

    @Test
    void traceContextIsSent() throws Exception {
        SpanContext context = SpanContext.create(
                "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", TraceFlags.getSampled(), TraceState.getDefault());
        try (ScriptedServer server = new ScriptedServer();
                KeywayClient client =
                        KeywayClient.builder(server.address()).plaintext().build()) {
            try (var scope = Span.wrap(context).makeCurrent()) {
                assertEquals(context, Span.current().getSpanContext(), () -> "not in " + scope);
                client.keys().generateDataKey(GenerateDataKeyRequest.getDefaultInstance());
            }
            client.keys().generateDataKey(GenerateDataKeyRequest.getDefaultInstance());
            assertEquals(
                    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                    server.headers().get(0).get(TRACEPARENT));
            assertFalse(server.headers().get(1).containsKey(TRACEPARENT));
        }
    }

    @Test
    void closedClientRejectsCalls() {
        KeywayClient client = sandbox.plain();
        client.close();
        assertThrows(KeywayException.class, () -> client.keys().getSecret(SECRET));
    }

    private static String unusedAddress() throws Exception {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return "127.0.0.1:" + socket.getLocalPort();
        }
    }
}
