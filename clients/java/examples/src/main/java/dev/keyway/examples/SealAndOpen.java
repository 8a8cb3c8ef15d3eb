package dev.keyway.examples;

import dev.keyway.KeywayClient;
import dev.keyway.envelope.Opener;
import dev.keyway.envelope.Sealer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/** Seals data in this process with a data key from the gateway, and opens it again. */
public final class SealAndOpen {
    private SealAndOpen() {}

    /** Calls the gateway at the given address, or at 127.0.0.1:50051. */
    public static void main(String[] arguments) throws IOException {
        String address = arguments.length > 0 ? arguments[0] : "127.0.0.1:50051";
        try (KeywayClient client = KeywayClient.builder(address).plaintext().build()) {
            String key = "providers/nhn-keys/keys/orders-key";
            byte[] order = "order 42: ten pairs".getBytes(StandardCharsets.UTF_8);
            byte[] belongsTo = "orders/42".getBytes(StandardCharsets.UTF_8);

            Sealer sealer = Sealer.builder(client.keys(), key).build();
            byte[] envelope = sealer.seal(order, belongsTo);

            Opener opener = Opener.forKeys(client.keys(), key);
            byte[] opened = opener.open(envelope, belongsTo);
            System.out.println(new String(opened, StandardCharsets.UTF_8));
        }
    }
}
