package dev.keyway;

import io.grpc.ChannelCredentials;
import io.grpc.ClientInterceptor;
import io.grpc.ClientInterceptors;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.TlsChannelCredentials;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import java.io.IOException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * Settings of a {@link KeywayClient}. The defaults are TLS with the certificate authorities of the machine, no
 * credentials, a deadline of 30 seconds, round robin over all hosts, and retries of calls without side effects.
 */
public final class KeywayClientBuilder {
    private static final int MEBIBYTE = 1024 * 1024;
    /** The default of gRPC, 4 MiB, is too small for files and batches. */
    private static final int LARGEST_RESPONSE = 64 * MEBIBYTE;
    /** The gateway accepts at most 16 MiB; gRPC does not retry calls that are larger than this buffer. */
    private static final int RETRY_BUFFER = 17 * MEBIBYTE;
    /** Trailers contain the details of errors; many violations exceed the default of gRPC, 8 KiB. */
    private static final int LARGEST_TRAILERS = 256 * 1024;
    private static final long KEEPALIVE_SECONDS = 60;

    private final List<Address> addresses;
    private boolean plaintext;
    private boolean plaintextBeyondLoopback;
    private Path authorities;
    private Path certificate;
    private Path privateKey;
    private Supplier<String> token;
    private Duration deadline = Duration.ofSeconds(30);
    private boolean retries = true;
    private boolean healthChecks;
    private Consumer<ManagedChannelBuilder<?>> more = channel -> {};
    private boolean configured;

    KeywayClientBuilder(String... addresses) {
        if (addresses.length == 0) {
            throw new IllegalArgumentException("Pass at least one address, such as \"gateway:50051\".");
        }
        this.addresses = List.of(addresses).stream().map(Address::parse).toList();
    }

    /** Disables TLS. Only loopback addresses are accepted. */
    public KeywayClientBuilder plaintext() {
        plaintext = true;
        return this;
    }

    /** Disables TLS for any address. Others on the network can then read and change keys, secrets and passwords. */
    public KeywayClientBuilder plaintextBeyondLoopback() {
        plaintextBeyondLoopback = true;
        return plaintext();
    }

    /**
     * Verifies the gateway with a CA bundle instead of the certificate authorities of the machine.
     *
     * @param authorities a PEM file
     */
    public KeywayClientBuilder tls(Path authorities) {
        this.authorities = Objects.requireNonNull(authorities, "authorities");
        return this;
    }

    /**
     * Sends a client certificate (mutual TLS). Both files are read again for each connection, so you can renew them.
     *
     * @param certificate a PEM file with the chain, leaf first
     * @param privateKey a PEM file, PKCS#8, not encrypted
     */
    public KeywayClientBuilder mtls(Path certificate, Path privateKey) {
        this.certificate = Objects.requireNonNull(certificate, "certificate");
        this.privateKey = Objects.requireNonNull(privateKey, "privateKey");
        return this;
    }

    /** Sends this bearer token with each call. It requires TLS. */
    public KeywayClientBuilder bearerToken(String token) {
        Objects.requireNonNull(token, "token");
        return bearerToken(() -> token);
    }

    /**
     * Sends a bearer token from a supplier with each call. It requires TLS.
     *
     * @param token called by several threads, for each call; it should cache the token
     */
    public KeywayClientBuilder bearerToken(Supplier<String> token) {
        this.token = Objects.requireNonNull(token, "token");
        return this;
    }

    /** Sets the deadline of calls without one. */
    public KeywayClientBuilder defaultDeadline(Duration deadline) {
        if (deadline.isNegative() || deadline.isZero()) {
            throw new IllegalArgumentException("The deadline must be positive, not " + deadline + ".");
        }
        this.deadline = deadline;
        return this;
    }

    /** Whether to retry calls without side effects that fail with UNAVAILABLE. The default is true. */
    public KeywayClientBuilder retries(boolean retries) {
        this.retries = retries;
        return this;
    }

    /** Whether to skip hosts that report that they are not serving. It requires {@code io.grpc:grpc-services}. */
    public KeywayClientBuilder healthChecks(boolean healthChecks) {
        this.healthChecks = healthChecks;
        return this;
    }

    /**
     * Sets other options of the gRPC channel, such as {@code channel -> channel.overrideAuthority("gateway.internal")}
     * for a different name in the gateway's certificate.
     */
    public KeywayClientBuilder configure(Consumer<ManagedChannelBuilder<?>> more) {
        this.more = Objects.requireNonNull(more, "more");
        configured = true;
        return this;
    }

    /**
     * Returns the client. It connects with the first call.
     *
     * @throws IllegalArgumentException if settings contradict each other, or a file cannot be read
     */
    public KeywayClient build() {
        check();
        GrpcLog.quiet();
        NettyChannelBuilder builder = NettyChannelBuilder.forTarget(Address.target(addresses), credentials())
                .defaultServiceConfig(ServiceConfig.of(retries, healthChecks))
                .maxInboundMessageSize(LARGEST_RESPONSE)
                .maxInboundMetadataSize(LARGEST_TRAILERS)
                .keepAliveTime(KEEPALIVE_SECONDS, TimeUnit.SECONDS)
                .perRpcBufferLimit(RETRY_BUFFER)
                .retryBufferSize(4L * RETRY_BUFFER);
        // Do not load a service config from DNS.
        builder.disableServiceConfigLookUp();
        if (retries) {
            builder.enableRetry();
        } else {
            builder.disableRetry();
        }
        more.accept(builder);
        ManagedChannel channel = builder.build();
        return new KeywayClient(channel, ClientInterceptors.intercept(channel, interceptors()));
    }

    private void check() {
        if (!plaintext) {
            return;
        }
        if (authorities != null || certificate != null) {
            throw new IllegalArgumentException("plaintext() cannot be combined with tls() or mtls().");
        }
        if (token != null) {
            throw new IllegalArgumentException("A bearer token requires TLS.");
        }
        for (Address address : addresses) {
            if (!plaintextBeyondLoopback && !address.isLoopback()) {
                throw new IllegalArgumentException(
                        address.host() + " is not a loopback address: use TLS, or call plaintextBeyondLoopback().");
            }
        }
    }

    private ChannelCredentials credentials() {
        if (plaintext) {
            return InsecureChannelCredentials.create();
        }
        TlsChannelCredentials.Builder builder = TlsChannelCredentials.newBuilder();
        try {
            if (authorities != null) {
                builder.trustManager(authorities.toFile());
            }
            if (certificate != null) {
                builder.keyManager(new CertificateFiles(certificate, privateKey));
            }
        } catch (IOException | GeneralSecurityException unreadable) {
            throw new IllegalArgumentException("Cannot read a TLS file: " + unreadable.getMessage(), unreadable);
        }
        return builder.build();
    }

    private List<ClientInterceptor> interceptors() {
        List<ClientInterceptor> interceptors = new ArrayList<>();
        if (!configured) {
            // Other options can replace the network.
            interceptors.add(new FirstCall(addresses));
        }
        interceptors.add(new DefaultDeadline(deadline));
        if (token != null) {
            interceptors.add(new BearerToken(token));
        }
        if (TraceContext.isAvailable()) {
            interceptors.add(new TraceContext());
        }
        // The last one is called first.
        interceptors.add(new ConnectionProblems(plaintext, certificate != null));
        return interceptors;
    }
}
