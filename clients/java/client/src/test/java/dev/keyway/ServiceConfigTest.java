package dev.keyway;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ServiceConfigTest {
    @Test
    void idempotentMethodsAreRetried() {
        List<Map<String, String>> safe = ServiceConfig.safeMethods();
        assertTrue(safe.contains(method("KeyService", "Encrypt")));
        assertTrue(safe.contains(method("ProviderService", "CheckProvider")));
        assertTrue(safe.contains(method("CertificateService", "DownloadCertificate")));
        List<String> unsafe = safe.stream()
                .map(each -> each.get("method"))
                .filter(name -> name.matches("(Create|Delete|Upload|Import|Install).*"))
                .toList();
        assertEquals(List.of(), unsafe);
    }

    @Test
    void withoutRetriesThereIsNoMethodConfig() {
        assertFalse(ServiceConfig.of(false, false).containsKey("methodConfig"));
        assertFalse(ServiceConfig.of(true, false).containsKey("healthCheckConfig"));
        assertTrue(ServiceConfig.of(true, true).containsKey("healthCheckConfig"));
    }

    private static Map<String, String> method(String service, String name) {
        return Map.of("service", "keyway.v1." + service, "method", name);
    }
}
