package dev.keyway.examples;

import com.google.protobuf.ByteString;
import dev.keyway.KeywayClient;
import dev.keyway.v1.DecryptRequest;
import dev.keyway.v1.EncryptRequest;

/** A first call: encrypts and decrypts with a key of the gateway. Start the gateway with {@code make run}. */
public final class FirstCall {
    private FirstCall() {}

    /** Calls the gateway at the given address, or at 127.0.0.1:50051. */
    public static void main(String[] arguments) {
        String address = arguments.length > 0 ? arguments[0] : "127.0.0.1:50051";
        try (KeywayClient client = KeywayClient.builder(address).plaintext().build()) {
            String key = "providers/nhn-keys/keys/orders-key";
            var sealed = client.keys().encrypt(EncryptRequest.newBuilder()
                    .setName(key)
                    .setPlaintext(ByteString.copyFromUtf8("order 42"))
                    .build());
            var opened = client.keys().decrypt(DecryptRequest.newBuilder()
                    .setName(key)
                    .setCiphertext(sealed.getCiphertext())
                    .build());
            System.out.println(opened.getPlaintext().toStringUtf8() + " with version " + opened.getKeyVersion());
        }
    }
}
