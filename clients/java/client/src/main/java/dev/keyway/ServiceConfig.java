package dev.keyway;

import com.google.protobuf.DescriptorProtos.MethodOptions.IdempotencyLevel;
import com.google.protobuf.Descriptors;
import dev.keyway.v1.AuditServiceGrpc;
import dev.keyway.v1.CertificateServiceGrpc;
import dev.keyway.v1.KeyServiceGrpc;
import dev.keyway.v1.ProviderServiceGrpc;
import io.grpc.ServiceDescriptor;
import io.grpc.protobuf.ProtoServiceDescriptorSupplier;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * The gRPC service config: round robin, and retries of the methods whose {@code idempotency_level} in the contract is
 * NO_SIDE_EFFECTS.
 */
final class ServiceConfig {
    private static final List<ServiceDescriptor> SERVICES = List.of(
            CertificateServiceGrpc.getServiceDescriptor(),
            KeyServiceGrpc.getServiceDescriptor(),
            ProviderServiceGrpc.getServiceDescriptor(),
            AuditServiceGrpc.getServiceDescriptor());

    private ServiceConfig() {}

    static Map<String, Object> of(boolean retries, boolean healthChecks) {
        Map<String, Object> config = new HashMap<>();
        config.put("loadBalancingConfig", List.of(Map.of("round_robin", Map.of())));
        if (retries) {
            config.put("methodConfig", List.of(Map.of("name", safeMethods(), "retryPolicy", RetryPolicy.VALUES)));
        }
        if (healthChecks) {
            config.put("healthCheckConfig", Map.of("serviceName", ""));
        }
        return config;
    }

    static List<Map<String, String>> safeMethods() {
        return SERVICES.stream()
                .flatMap(ServiceConfig::methods)
                .filter(method -> method.getOptions().getIdempotencyLevel() == IdempotencyLevel.NO_SIDE_EFFECTS)
                .map(method -> Map.of("service", method.getService().getFullName(), "method", method.getName()))
                .toList();
    }

    private static Stream<Descriptors.MethodDescriptor> methods(ServiceDescriptor service) {
        ProtoServiceDescriptorSupplier supplier = (ProtoServiceDescriptorSupplier) service.getSchemaDescriptor();
        return supplier.getServiceDescriptor().getMethods().stream();
    }
}
