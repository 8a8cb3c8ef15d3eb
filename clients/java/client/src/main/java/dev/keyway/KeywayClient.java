package dev.keyway;

import dev.keyway.v1.CertificateServiceGrpc;
import dev.keyway.v1.CertificateServiceGrpc.CertificateServiceBlockingStub;
import dev.keyway.v1.KeyServiceGrpc;
import dev.keyway.v1.KeyServiceGrpc.KeyServiceBlockingStub;
import dev.keyway.v1.ProviderServiceGrpc;
import dev.keyway.v1.ProviderServiceGrpc.ProviderServiceBlockingStub;
import io.grpc.Channel;
import io.grpc.ManagedChannel;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/**
 * A connection to the gateway, and the stubs over it. Responsible for the channel's life; what the channel does is
 * {@link KeywayClientBuilder}'s, what can be called is in the stubs, which are generated from the contract.
 *
 * <p>Safe for use by many threads; one for each gateway and set of credentials is enough. Connects when first called.
 */
public final class KeywayClient implements AutoCloseable {
    private static final long CLOSING_SECONDS = 5;

    private final ManagedChannel managed;
    private final Channel channel;

    KeywayClient(ManagedChannel managed, Channel channel) {
        this.managed = managed;
        this.channel = channel;
    }

    /**
     * Starts a client of the gateway at one or more addresses. A name that stands for several hosts is one address;
     * calls go to all hosts in turn.
     *
     * @param addresses each {@code host:port}
     */
    public static KeywayClientBuilder builder(String... addresses) {
        return new KeywayClientBuilder(addresses);
    }

    /** Certificates; each call blocks its thread. */
    public CertificateServiceBlockingStub certificates() {
        return stub(CertificateServiceGrpc::newBlockingStub);
    }

    /** Keys and secrets; each call blocks its thread. */
    public KeyServiceBlockingStub keys() {
        return stub(KeyServiceGrpc::newBlockingStub);
    }

    /** Providers; each call blocks its thread. */
    public ProviderServiceBlockingStub providers() {
        return stub(ProviderServiceGrpc::newBlockingStub);
    }

    /**
     * Any other stub: {@code client.stub(KeyServiceGrpc::newFutureStub)} for futures, {@code
     * client.stub(KeyServiceGrpc::newStub)} for callbacks.
     *
     * @param factory the generated method that makes the stub
     */
    public <S> S stub(Function<Channel, S> factory) {
        return factory.apply(channel);
    }

    /** What the stubs call through: with the default deadline, the credentials and the trace context. */
    public Channel channel() {
        return channel;
    }

    /** Lets calls that are under way end, five seconds at most, and cuts off the rest. */
    @Override
    public void close() {
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
