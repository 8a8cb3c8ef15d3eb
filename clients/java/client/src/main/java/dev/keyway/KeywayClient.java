package dev.keyway;

import dev.keyway.v1.AuditServiceGrpc;
import dev.keyway.v1.CertificateServiceGrpc;
import dev.keyway.v1.KeyServiceGrpc;
import dev.keyway.v1.ProviderServiceGrpc;
import dev.keyway.v1.WatchCertificatesRequest;
import io.grpc.Channel;
import io.grpc.ManagedChannel;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.UnaryOperator;

/**
 * A client of the gateway: a channel, and the services over it. {@link KeywayClientBuilder} configures the channel.
 *
 * <p>Threads can share a client. One client per gateway and set of credentials is enough. It connects with the first
 * call.
 */
public final class KeywayClient implements AutoCloseable {
    private static final long CLOSING_SECONDS = 5;

    private final ManagedChannel managed;
    private final Channel channel;
    private final OpenWatches watches = new OpenWatches();

    KeywayClient(ManagedChannel managed, Channel channel) {
        this.managed = managed;
        this.channel = channel;
    }

    /**
     * Returns a builder for a client of the gateway at one or more addresses. If a name resolves to several hosts, calls
     * go to all of them in turn.
     *
     * @param addresses each {@code host:port}
     */
    public static KeywayClientBuilder builder(String... addresses) {
        return new KeywayClientBuilder(addresses);
    }

    /** Certificates. Each call blocks its thread and throws {@link KeywayException} if it fails. */
    public CertificateService certificates() {
        return new CertificateService(stub(CertificateServiceGrpc::newBlockingStub));
    }

    /** Keys and secrets. Each call blocks its thread and throws {@link KeywayException} if it fails. */
    public KeyService keys() {
        return new KeyService(stub(KeyServiceGrpc::newBlockingStub));
    }

    /** Providers. Each call blocks its thread and throws {@link KeywayException} if it fails. */
    public ProviderService providers() {
        return new ProviderService(stub(ProviderServiceGrpc::newBlockingStub));
    }

    /** Audit records. Each call blocks its thread and throws {@link KeywayException} if it fails. */
    public AuditService audit() {
        return new AuditService(stub(AuditServiceGrpc::newBlockingStub));
    }

    /**
     * Watches certificates. Close the result to end the stream.
     *
     * @param request the provider, and optionally the names of certificates and a resume token
     */
    public CertificateWatch watchCertificates(WatchCertificatesRequest request) {
        return watchCertificates(request, UnaryOperator.identity());
    }

    /**
     * Watches certificates with other options, such as {@code CertificateService::withWaitForReady}.
     *
     * @param request the provider, and optionally the names of certificates and a resume token
     * @param options sets the options of the streams
     */
    public CertificateWatch watchCertificates(
            WatchCertificatesRequest request, UnaryOperator<CertificateService> options) {
        return new CertificateWatch(options.apply(certificates()).stub(), request, watches);
    }

    /**
     * Returns a gRPC stub: {@code client.stub(KeyServiceGrpc::newFutureStub)} for futures, {@code
     * client.stub(KeyServiceGrpc::newStub)} for callbacks. {@link KeywayException#from(Throwable)} reads their failures.
     *
     * @param factory the generated method that creates the stub
     */
    public <S> S stub(Function<Channel, S> factory) {
        return factory.apply(channel);
    }

    /** The channel of all stubs. It adds the default deadline, the token and the trace context to each call. */
    public Channel channel() {
        return channel;
    }

    /** Ends watches, waits up to five seconds for calls in progress, then cancels the others. */
    @Override
    public void close() {
        watches.close();
        managed.shutdown();
        try {
            if (managed.awaitTermination(CLOSING_SECONDS, TimeUnit.SECONDS)) {
                return;
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
        managed.shutdownNow();
    }
}
