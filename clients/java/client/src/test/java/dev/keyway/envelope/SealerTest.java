package dev.keyway.envelope;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.rpc.ErrorInfo;
import dev.keyway.KeywayClient;
import dev.keyway.KeywayException;
import dev.keyway.Sandbox;
import dev.keyway.ScriptedServer;
import dev.keyway.v1.DecryptResponse;
import dev.keyway.v1.GenerateDataKeyResponse;
import io.grpc.Status;
import io.grpc.protobuf.StatusProto;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HexFormat;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SealerTest {
    private static final String KEY = "providers/nhn-keys/keys/orders-key";
    private static final byte[] ORDER = "주문 42: 10 켤레".getBytes(StandardCharsets.UTF_8);
    private static final byte[] ASSOCIATED = "orders/42".getBytes(StandardCharsets.UTF_8);

    private final KeywayClient client = Sandbox.shared().plain();

    @TempDir
    private Path folder;

    @AfterEach
    void close() {
        client.close();
    }

    @Test
    void sealedBytesAreOpened() throws IOException {
        byte[] envelope = Sealer.builder(client.keys(), KEY).build().seal(ORDER, ASSOCIATED);
        Opener opener = Opener.forKeys(client.keys(), KEY);
        assertArrayEquals(ORDER, opener.open(envelope, ASSOCIATED));
        assertThrows(EnvelopeException.class, () -> opener.open(envelope));
    }

    @Test
    void equalPlaintextsHaveDifferentEnvelopes() {
        Sealer sealer = Sealer.builder(client.keys(), KEY).build();
        HexFormat hex = HexFormat.of();
        assertNotEquals(hex.formatHex(sealer.seal(ORDER)), hex.formatHex(sealer.seal(ORDER)));
    }

    @Test
    void unexpectedKeyCausesNoCall() throws IOException {
        byte[] envelope = Sealer.builder(client.keys(), KEY).build().seal(ORDER);
        try (ScriptedServer server = new ScriptedServer();
                KeywayClient scripted =
                        KeywayClient.builder(server.address()).plaintext().build()) {
            Opener opener = Opener.forKeys(scripted.keys(), "providers/nhn-keys/keys/demo-aes");
            assertThrows(EnvelopeException.class, () -> opener.open(envelope));
            assertEquals(0, server.headers().size());
        }
        assertThrows(IllegalArgumentException.class, () -> Opener.forKeys(client.keys()));
    }

    @Test
    void invalidEncryptedDataKeyIsAnEnvelopeError() throws IOException {
        Header header = new Header(4096, KEY, "AAAA", new byte[32]);
        Opener opener = Opener.forAnyKey(client.keys());
        assertThrows(EnvelopeException.class, () -> opener.open(header.encode()));
    }

    @Test
    void dataKeyOfWrongLengthIsRejected() throws IOException {
        try (ScriptedServer server = new ScriptedServer();
                KeywayClient scripted =
                        KeywayClient.builder(server.address()).plaintext().build()) {
            server.decrypts(asked -> DecryptResponse.newBuilder()
                    .setPlaintext(ByteString.copyFrom(new byte[16]))
                    .build());
            byte[] envelope = new Header(4096, KEY, "AAAA", new byte[32]).encode();
            Opener opener = Opener.forAnyKey(scripted.keys());
            assertThrows(EnvelopeException.class, () -> opener.open(envelope));
            server.failWith(Status.PERMISSION_DENIED);
            assertThrows(KeywayException.class, () -> opener.open(envelope));
        }
    }

    @ParameterizedTest
    @CsvSource({
        "INVALID_ARGUMENT, INVALID_USER_DATA, keyway, true",
        "NOT_FOUND, KEY_NOT_FOUND, keyway, true",
        "UNIMPLEMENTED, METHOD_NOT_SUPPORTED_BY_PROVIDER, keyway, true",
        "FAILED_PRECONDITION, PLAINTEXT_NOT_BASE64, keyway, true",
        "FAILED_PRECONDITION, KEY_NOT_ACTIVE, keyway, false",
        "PERMISSION_DENIED, PERMISSION_DENIED, keyway, false",
        "UNAUTHENTICATED, UNAUTHENTICATED, keyway, false",
        "DEADLINE_EXCEEDED, PROVIDER_TIMEOUT, keyway, false",
        "NOT_FOUND, ROUTE_NOT_FOUND, proxy.example, false",
        "UNIMPLEMENTED, '', keyway, false",
    })
    void onlyErrorsAboutTheEnvelopeAreEnvelopeErrors(Status.Code code, String reason, String domain, boolean refused)
            throws IOException {
        try (ScriptedServer server = new ScriptedServer();
                KeywayClient scripted =
                        KeywayClient.builder(server.address()).plaintext().build()) {
            ErrorInfo info =
                    ErrorInfo.newBuilder().setReason(reason).setDomain(domain).build();
            server.decrypts(asked -> {
                throw StatusProto.toStatusRuntimeException(com.google.rpc.Status.newBuilder()
                        .setCode(code.value())
                        .addDetails(Any.pack(info))
                        .build());
            });
            byte[] envelope = new Header(4096, KEY, "AAAA", new byte[32]).encode();
            Opener opener = Opener.forAnyKey(scripted.keys());
            Class<? extends Exception> expected = refused ? EnvelopeException.class : KeywayException.class;
            assertThrows(expected, () -> opener.open(envelope));
        }
    }

    @Test
    void sealedFilesAreOpened() throws IOException {
        Path plain = Files.write(folder.resolve("plain"), new byte[200_000]);
        Path sealed = folder.resolve("sealed");
        Path opened = folder.resolve("opened");
        Sealer.builder(client.keys(), KEY).build().seal(plain, sealed, ASSOCIATED);
        Opener.forKeys(client.keys(), KEY).open(sealed, opened, ASSOCIATED);
        assertEquals(-1, Files.mismatch(plain, opened));
    }

    @Test
    void invalidFileCreatesNoOutput() throws IOException {
        Path plain = Files.write(folder.resolve("plain"), new byte[200_000]);
        Path sealed = folder.resolve("sealed");
        Path opened = folder.resolve("opened");
        Sealer.builder(client.keys(), KEY).build().seal(plain, sealed, ASSOCIATED);
        byte[] bytes = Files.readAllBytes(sealed);
        bytes[bytes.length - 1] ^= 1;
        Files.write(sealed, bytes);
        Opener opener = Opener.forKeys(client.keys(), KEY);
        assertThrows(EnvelopeException.class, () -> opener.open(sealed, opened, ASSOCIATED));
        assertFalse(Files.exists(opened));
        try (Stream<Path> left = Files.list(folder)) {
            assertEquals(2, left.count());
        }
    }

    @Test
    void dataKeyIsReplacedAtItsBounds() throws IOException {
        AtomicLong made = new AtomicLong();
        AtomicLong now = new AtomicLong();
        try (ScriptedServer server = new ScriptedServer();
                KeywayClient scripted =
                        KeywayClient.builder(server.address()).plaintext().build()) {
            server.dataKeys(() -> GenerateDataKeyResponse.newBuilder()
                    .setPlaintext(ByteString.copyFrom(new byte[32]))
                    .setCiphertext("key-" + made.incrementAndGet())
                    .build());
            Sealer sealer = Sealer.builder(scripted.keys(), KEY)
                    .envelopesPerDataKey(3)
                    .bytesPerDataKey(10_000)
                    .timePerDataKey(Duration.ofMinutes(1))
                    .clock(now::get)
                    .build();
            assertEquals(0, made.get());
            assertEquals("key-1 key-1 key-1 key-2", keys(sealer, 1, 1, 1, 1));
            now.addAndGet(Duration.ofMinutes(1).toNanos());
            assertEquals("key-3 key-3 key-4", keys(sealer, 6_000, 4_000, 1));
            assertEquals("key-4 key-5 key-6", keys(sealer, 9_999, 9_999, 20_000));
            sealer.seal(new ByteArrayInputStream(new byte[30_000]), OutputStream.nullOutputStream());
            assertEquals(7, made.get());
            assertEquals("key-8", keys(sealer, 1));
        }
    }

    @Test
    void ageOfADataKeyCountsFromTheRequest() throws IOException {
        AtomicLong made = new AtomicLong();
        AtomicLong now = new AtomicLong();
        try (ScriptedServer server = new ScriptedServer();
                KeywayClient scripted =
                        KeywayClient.builder(server.address()).plaintext().build()) {
            server.dataKeys(() -> {
                now.addAndGet(Duration.ofMinutes(1).toNanos());
                return GenerateDataKeyResponse.newBuilder()
                        .setPlaintext(ByteString.copyFrom(new byte[32]))
                        .setCiphertext("key-" + made.incrementAndGet())
                        .build();
            });
            Sealer sealer = Sealer.builder(scripted.keys(), KEY)
                    .timePerDataKey(Duration.ofMinutes(1))
                    .clock(now::get)
                    .build();
            assertEquals("key-1 key-2", keys(sealer, 1, 1));
        }
    }

    @Test
    void failedRequestForADataKeyIsRepeated() throws IOException {
        try (ScriptedServer server = new ScriptedServer();
                KeywayClient scripted = KeywayClient.builder(server.address())
                        .plaintext()
                        .retries(false)
                        .build()) {
            Sealer sealer = Sealer.builder(scripted.keys(), KEY).build();
            server.failWith(Status.UNAVAILABLE);
            assertThrows(KeywayException.class, () -> sealer.seal(ORDER));
            server.failWith(null);
            server.dataKeys(() -> GenerateDataKeyResponse.newBuilder()
                    .setPlaintext(ByteString.copyFrom(new byte[32]))
                    .setCiphertext("key")
                    .build());
            assertEquals("key", keys(sealer, 1));
        }
    }

    /** The encrypted data keys of envelopes of these sizes. */
    private static String keys(Sealer sealer, int... sizes) throws IOException {
        StringBuilder names = new StringBuilder();
        for (int size : sizes) {
            Header header = Header.read(new ByteArrayInputStream(sealer.seal(new byte[size])));
            names.append(' ').append(header.encryptedDataKey());
        }
        return names.substring(1);
    }
}
