package dev.keyway;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.keyway.v1.Certificate;
import dev.keyway.v1.ListCertificatesRequest;
import dev.keyway.v1.ListCertificatesResponse;
import dev.keyway.v1.ListProvidersRequest;
import dev.keyway.v1.Provider;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.MethodDescriptor;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class PagesTest {
    private final AtomicInteger calls = new AtomicInteger();

    @Test
    void allPagesAreIterated() {
        try (KeywayClient client = Sandbox.shared().plain()) {
            var certificates = certificates(client, "providers/nhn-certs");
            assertEquals(10, certificates.stream().map(Certificate::getName).distinct().count());
            assertEquals(3, calls.get());
            var names = new ArrayList<String>();
            for (Certificate each : certificates) {
                names.add(each.getName());
            }
            assertEquals(10, names.size());
        }
    }

    @Test
    void pageIsRequestedWhenNeeded() {
        try (KeywayClient client = Sandbox.shared().plain()) {
            var certificates = certificates(client, "providers/nhn-certs");
            assertEquals(0, calls.get());
            Iterator<Certificate> iterator = certificates.iterator();
            for (int i = 0; i < 4; i++) {
                iterator.next();
            }
            assertEquals(1, calls.get());
            iterator.next();
            assertEquals(2, calls.get());
            assertEquals(2, certificates.stream().limit(2).count());
            assertEquals(3, calls.get());
        }
    }

    @Test
    void providersAreIterated() {
        try (KeywayClient client = Sandbox.shared().plain()) {
            ListProvidersRequest request =
                    ListProvidersRequest.newBuilder().setPageSize(2).build();
            List<String> names = client.providers().allProviders(request).stream()
                    .map(Provider::getName)
                    .toList();
            assertEquals(List.of("providers/asteria", "providers/nhn-certs", "providers/nhn-keys"), names);
        }
    }

    @Test
    void pagesListUnreachableProviders() {
        try (KeywayClient client = Sandbox.shared().plain()) {
            for (ListCertificatesResponse page : certificates(client, "providers/-").responses()) {
                assertTrue(page.getTotalSize() >= 10);
                assertEquals(0, page.getUnreachableCount());
            }
        }
    }

    @Test
    void failedPageThrowsKeywayException() {
        try (KeywayClient client = Sandbox.shared().plain()) {
            Iterator<Certificate> iterator = certificates(client, "providers/nowhere").iterator();
            assertThrows(KeywayException.class, iterator::next);
        }
    }

    private Pages<ListCertificatesResponse, Certificate> certificates(KeywayClient client, String parent) {
        ListCertificatesRequest request = ListCertificatesRequest.newBuilder()
                .setParent(parent)
                .setPageSize(4)
                .build();
        return client.certificates().withInterceptors(new Counter()).allCertificates(request);
    }

    private final class Counter implements ClientInterceptor {
        @Override
        public <Q, R> ClientCall<Q, R> interceptCall(MethodDescriptor<Q, R> method, CallOptions options, Channel next) {
            calls.incrementAndGet();
            return next.newCall(method, options);
        }
    }
}
