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
 * How a {@link KeywayClient} connects. Without a word: TLS by the machine's trusted authorities, no credentials, a
 * deadline of 30 seconds for calls that have none, calls to all hosts in turn, calls that are safe to repeat repeated.
 */
public final class KeywayClientBuilder {
    private static final int MEBIBYTE = 1024 * 1024;
    /** Files, keys and batches: more than gRPC's own 4 MiB. */
    private static final int LARGEST_ANSWER = 64 * MEBIBYTE;
    /** The gateway takes 16 MiB; a call that is larger than this buffer would not be repeated. */
    private static final int REPEATABLE_CALL = 17 * MEBIBYTE;
    /** The details of an error travel in trailers; many violations are more than gRPC's own 8 KiB. */
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

    KeywayClientBuilder(String... addresses) {
        if (addresses.length == 0) {
            throw new IllegalArgumentException("A client needs at least one address, such as \"gateway:50051\".");
        }
        this.addresses = List.of(addresses).stream().map(Address::parse).toList();
    }

    /** Without TLS, for a gateway on this machine: other hosts are refused. */
    public KeywayClientBuilder plaintext() {
        plaintext = true;
        return this;
    }

    /** Without TLS, whatever the host. Whoever is on the way can read and change all: keys, secrets, passwords. */
    public KeywayClientBuilder plaintextBeyondLoopback() {
        plaintextBeyondLoopback = true;
        return plaintext();
    }

    /**
     * Trusts these authorities in the place of the machine's.
     *
     * @param authorities a PEM file
     */
    public KeywayClientBuilder tls(Path authorities) {
        this.authorities = Objects.requireNonNull(authorities, "authorities");
        return this;
    }

    /**
     * Shows a certificate to the gateway. Both files are read again for each connection: replace them as they expire.
     *
     * @param certificate a PEM file with the chain, leaf first
     * @param privateKey a PEM file, PKCS#8, not encrypted
     */
    public KeywayClientBuilder mtls(Path certificate, Path privateKey) {
        this.certificate = Objects.requireNonNull(certificate, "certificate");
        this.privateKey = Objects.requireNonNull(privateKey, "privateKey");
        return this;
    }

    /** Sends this token with each call. Only over TLS. */
    public KeywayClientBuilder bearerToken(String token) {
        Objects.requireNonNull(token, "token");
        return bearerToken(() -> token);
    }

    /**
     * Asks for the token of each call. Only over TLS.
     *
     * @param token called by many threads; what takes time should be cached by it
     */
    public KeywayClientBuilder bearerToken(Supplier<String> token) {
        this.token = Objects.requireNonNull(token, "token");
        return this;
    }

    /** For calls that have no deadline of their own. */
    public KeywayClientBuilder defaultDeadline(Duration deadline) {
        if (deadline.isNegative() || deadline.isZero()) {
            throw new IllegalArgumentException("A deadline lies ahead: " + deadline + " does not.");
        }
        this.deadline = deadline;
        return this;
    }

    /** Whether calls that fail with UNAVAILABLE and are safe to repeat are repeated. They are, unless said otherwise. */
    public KeywayClientBuilder retries(boolean retries) {
        this.retries = retries;
        return this;
    }

    /** Whether hosts that say they do not serve are left out. Needs {@code io.grpc:grpc-services} on the class path. */
    public KeywayClientBuilder healthChecks(boolean healthChecks) {
        this.healthChecks = healthChecks;
        return this;
    }

    /**
     * Sets whatever else gRPC has, such as {@code channel -> channel.overrideAuthority("gateway.internal")} for another
     * name in the gateway's certificate, or interceptors.
     */
    public KeywayClientBuilder configure(Consumer<ManagedChannelBuilder<?>> more) {
        this.more = Objects.requireNonNull(more, "more");
        return this;
    }

    /**
     * Makes the client. Nothing is connected before the first call.
     *
     * @throws IllegalArgumentException where the settings contradict each other, or a file can't be read
     */
    public KeywayClient build() {
        check();
        NettyChannelBuilder builder = NettyChannelBuilder.forTarget(Address.target(addresses), credentials())
                .defaultServiceConfig(ServiceConfig.of(retries, healthChecks))
                .maxInboundMessageSize(LARGEST_ANSWER)
                .maxInboundMetadataSize(LARGEST_TRAILERS)
                .keepAliveTime(KEEPALIVE_SECONDS, TimeUnit.SECONDS)
                .perRpcBufferLimit(REPEATABLE_CALL)
                .retryBufferSize(4L * REPEATABLE_CALL);
        // The configuration is the client's: none is asked of DNS.
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
            throw new IllegalArgumentException("plaintext() and tls() or mtls() exclude each other.");
        }
        if (token != null) {
            throw new IllegalArgumentException("A bearer token goes over TLS only: whoever reads it can use it.");
        }
        for (Address address : addresses) {
            if (!plaintextBeyondLoopback && !address.isLoopback()) {
                throw new IllegalArgumentException(
                        address.host() + " is another machine: use TLS, or say plaintextBeyondLoopback().");
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
            throw new IllegalArgumentException("Can't read a TLS file: " + unreadable.getMessage(), unreadable);
        }
        return builder.build();
    }

    private List<ClientInterceptor> interceptors() {
        List<ClientInterceptor> interceptors = new ArrayList<>();
        interceptors.add(new DefaultDeadline(deadline));
        if (token != null) {
            interceptors.add(new BearerToken(token));
        }
        if (TraceContext.isAvailable()) {
            interceptors.add(new TraceContext());
        }
        return interceptors;
    }
}
