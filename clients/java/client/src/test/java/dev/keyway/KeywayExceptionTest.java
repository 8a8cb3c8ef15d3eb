package dev.keyway;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.rpc.ErrorInfo;
import dev.keyway.v1.BatchEncryptRequest;
import dev.keyway.v1.CreateCertificateRequest;
import dev.keyway.v1.EncryptRequest;
import dev.keyway.v1.ErrorReason;
import dev.keyway.v1.KeyServiceGrpc;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import org.junit.jupiter.api.Test;

class KeywayExceptionTest {
    private static final EncryptRequest NO_SUCH_KEY = EncryptRequest.newBuilder()
            .setName("providers/nhn-keys/keys/nobody")
            .setPlaintext(ByteString.copyFromUtf8("hello"))
            .build();

    private final Sandbox sandbox = Sandbox.shared();

    @Test
    void failedCallThrowsDetails() {
        try (KeywayClient client = sandbox.plain()) {
            var failure = assertThrows(KeywayException.class, () -> client.keys().encrypt(NO_SUCH_KEY));
            KeywayException error = KeywayException.from(failure);
            assertEquals(Status.Code.NOT_FOUND, error.code());
            assertEquals("KEY_NOT_FOUND", error.reason());
            assertTrue(error.is(ErrorReason.ERROR_REASON_KEY_NOT_FOUND));
            assertFalse(error.is(ErrorReason.ERROR_REASON_KEY_NOT_ACTIVE));
            assertEquals("nhn-keys", error.metadata().get("provider"));
            assertEquals(Optional.empty(), error.retryDelay());
            assertTrue(error.requestId().isPresent());
            assertEquals(3, error.receipt().orElseThrow().split(":").length);
            assertTrue(error.getMessage().startsWith("NOT_FOUND KEY_NOT_FOUND: "), error.getMessage());
            assertTrue(error.getMessage().contains(error.requestId().get()));
            assertInstanceOf(StatusRuntimeException.class, error.getCause());
        }
    }

    @Test
    void allViolationsAreRead() {
        CreateCertificateRequest wrong = CreateCertificateRequest.newBuilder()
                .setParent("providers/asteria")
                .setKeySize(-1)
                .build();
        try (KeywayClient client = sandbox.plain()) {
            var failure =
                    assertThrows(KeywayException.class, () -> client.certificates().createCertificate(wrong));
            var fields = KeywayException.from(failure).violations().stream()
                    .map(FieldViolation::field)
                    .toList();
            assertTrue(fields.contains("key_size") && fields.contains("subject"), fields.toString());
        }
    }

    @Test
    void retryDelayIsRead() throws Exception {
        sandbox.arm(
                "nhn-secure-key-manager",
                "{\"mode\": \"raw\", \"status\": 429, \"headers\": {\"Retry-After\": \"7\"}, \"path\": \"encrypt\"}");
        // With retries the call would be repeated after that time.
        try (KeywayClient client = KeywayClient.builder(sandbox.address("plain"))
                .plaintext()
                .retries(false)
                .build()) {
            var failure = assertThrows(KeywayException.class, () -> client.keys().encrypt(NO_SUCH_KEY));
            Duration delay = KeywayException.from(failure).retryDelay().orElseThrow();
            // The gateway lengthens it by up to 25 %, so that callers do not retry together.
            assertTrue(delay.toMillis() >= 7_000 && delay.toMillis() <= 8_750, delay.toString());
        }
    }

    @Test
    void failureOfAFutureIsConverted() {
        try (KeywayClient client = sandbox.plain()) {
            var failure = assertThrows(ExecutionException.class, () -> client.stub(KeyServiceGrpc::newFutureStub)
                    .encrypt(NO_SUCH_KEY)
                    .get());
            KeywayException error = KeywayException.from(new CompletionException(failure));
            assertEquals("KEY_NOT_FOUND", error.reason());
            assertSame(error, KeywayException.from(new RuntimeException(error)));
        }
    }

    @Test
    void errorOfABatchItemIsConverted() {
        BatchEncryptRequest batch =
                BatchEncryptRequest.newBuilder().addRequests(NO_SUCH_KEY).build();
        try (KeywayClient client = sandbox.plain()) {
            var result = client.keys().batchEncrypt(batch).getResults(0);
            KeywayException error = KeywayException.from(result.getError());
            assertEquals(Status.Code.NOT_FOUND, error.code());
            assertEquals("KEY_NOT_FOUND", error.reason());
        }
    }

    @Test
    void otherFailureIsUnknown() {
        KeywayException error = KeywayException.from(new IllegalStateException("odd"));
        assertEquals(Status.Code.UNKNOWN, error.code());
        assertEquals("", error.reason());
        assertTrue(error.getMessage().contains("odd"));
    }

    @Test
    void detailsOfAnotherDomainAreIgnored() {
        com.google.rpc.Status status = com.google.rpc.Status.newBuilder()
                .setCode(Status.Code.UNAVAILABLE.value())
                .setMessage("proxy")
                .addDetails(Any.pack(
                        ErrorInfo.newBuilder().setDomain("proxy.example").setReason("NO_ROUTE").build()))
                .addDetails(Any.newBuilder()
                        .setTypeUrl("type.googleapis.com/google.rpc.BadRequest")
                        .setValue(ByteString.copyFrom(new byte[] {(byte) 0xFF})))
                .build();
        KeywayException error = KeywayException.from(StatusProto.toStatusRuntimeException(status));
        assertEquals("UNAVAILABLE: proxy", error.getMessage());
        assertEquals("", error.reason());
        assertEquals(Map.of(), error.metadata());
    }

    @Test
    void malformedDetailsAreIgnored() {
        Metadata trailers = new Metadata();
        trailers.put(Metadata.Key.of("grpc-status-details-bin", Metadata.BINARY_BYTE_MARSHALLER), new byte[] {1, 2, 3});
        trailers.put(Metadata.Key.of("keyway-request-id", Metadata.ASCII_STRING_MARSHALLER), "r-1");
        KeywayException error = KeywayException.from(Status.INTERNAL.asRuntimeException(trailers));
        assertEquals(Status.Code.INTERNAL, error.code());
        assertEquals(Optional.of("r-1"), error.requestId());
    }
}
