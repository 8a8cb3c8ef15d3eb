package dev.keyway.examples;

import dev.keyway.CertificateWatch;
import dev.keyway.KeywayClient;
import dev.keyway.v1.WatchCertificatesRequest;
import dev.keyway.v1.WatchCertificatesResponse;

/** Prints the events of certificates until the program is ended. Start the gateway with {@code make run}. */
public final class WatchCertificates {
    private WatchCertificates() {}

    /** Runs the example; an argument replaces the address of the gateway. */
    public static void main(String[] arguments) {
        String address = arguments.length > 0 ? arguments[0] : "127.0.0.1:50051";
        try (KeywayClient client = KeywayClient.builder(address).plaintext().build()) {
            var request = WatchCertificatesRequest.newBuilder().setParent("providers/nhn-certs").build();
            try (CertificateWatch watch = client.watchCertificates(request)) {
                for (WatchCertificatesResponse event : watch) {
                    System.out.println(event.getType() + " " + event.getName() + " " + event.getVersion());
                }
            }
        }
    }
}
