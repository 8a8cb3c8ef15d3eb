package dev.keyway.examples;

import dev.keyway.KeywayClient;
import dev.keyway.KeywayException;
import dev.keyway.v1.Certificate;
import dev.keyway.v1.ErrorReason;
import dev.keyway.v1.GetPublicKeyRequest;
import dev.keyway.v1.ListCertificatesRequest;

/** Lists the certificates of all providers, and requests a key that does not exist. */
public final class ErrorsAndPages {
    private ErrorsAndPages() {}

    /** Calls the gateway at the given address, or at 127.0.0.1:50051. */
    public static void main(String[] arguments) {
        String address = arguments.length > 0 ? arguments[0] : "127.0.0.1:50051";
        try (KeywayClient client = KeywayClient.builder(address).plaintext().build()) {
            var request = ListCertificatesRequest.newBuilder().setParent("providers/-").build();
            for (Certificate certificate : client.certificates().allCertificates(request)) {
                System.out.println(certificate.getName());
            }
            try {
                client.keys().getPublicKey(GetPublicKeyRequest.newBuilder()
                        .setName("providers/nhn-keys/keys/no-such-key")
                        .build());
            } catch (KeywayException error) {
                if (!error.is(ErrorReason.ERROR_REASON_KEY_NOT_FOUND)) {
                    throw error;
                }
                System.out.println(error.reason() + " from " + error.metadata().get("provider"));
            }
        }
    }
}
