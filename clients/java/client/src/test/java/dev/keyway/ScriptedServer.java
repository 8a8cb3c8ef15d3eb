package dev.keyway;

import dev.keyway.v1.CertificateServiceGrpc;
import dev.keyway.v1.DecryptRequest;
import dev.keyway.v1.DecryptResponse;
import dev.keyway.v1.DeleteCertificateRequest;
import dev.keyway.v1.DeleteCertificateResponse;
import dev.keyway.v1.GenerateDataKeyRequest;
import dev.keyway.v1.GenerateDataKeyResponse;
import dev.keyway.v1.KeyServiceGrpc;
import dev.keyway.v1.WatchCertificatesRequest;
import dev.keyway.v1.WatchCertificatesResponse;
import io.grpc.Context;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import java.util.function.Function;
import java.util.function.Supplier;

/** A gateway that answers what a test says, and remembers what it was asked: for what the real one can't be made to do. */
public final class ScriptedServer implements AutoCloseable {
    private final List<Metadata> headers = new CopyOnWriteArrayList<>();
    private final List<Long> millisecondsLeft = new CopyOnWriteArrayList<>();
    private final Server server;
    private volatile Status failure;
    private volatile Supplier<GenerateDataKeyResponse> dataKey = GenerateDataKeyResponse::getDefaultInstance;
    private volatile Function<DecryptRequest, DecryptResponse> decrypt = asked -> DecryptResponse.getDefaultInstance();
    private volatile BiConsumer<WatchCertificatesRequest, StreamObserver<WatchCertificatesResponse>> watch =
            (request, observer) -> observer.onCompleted();

    public ScriptedServer() throws IOException {
        server = NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
                .addService(new Keys())
                .addService(new Certificates())
                .intercept(new Recorder())
                .build()
                .start();
    }

    public String address() {
        return "127.0.0.1:" + server.getPort();
    }

    /** Fails all calls from now on; null lets them succeed. */
    public void failWith(Status status) {
        failure = status;
    }

    public void dataKeys(Supplier<GenerateDataKeyResponse> make) {
        dataKey = make;
    }

    public void decrypts(Function<DecryptRequest, DecryptResponse> answer) {
        decrypt = answer;
    }

    /** Serves WatchCertificates. */
    public void watches(BiConsumer<WatchCertificatesRequest, StreamObserver<WatchCertificatesResponse>> serve) {
        watch = serve;
    }

    /** The headers of each call, repeated ones too. */
    public List<Metadata> headers() {
        return headers;
    }

    /** How much time each call had left when it came; -1 where it had no deadline. */
    public List<Long> millisecondsLeft() {
        return millisecondsLeft;
    }

    @Override
    public void close() {
        stop();
    }

    /** Closes the port and all connections. */
    public void stop() {
        server.shutdownNow();
        try {
            server.awaitTermination(10, TimeUnit.SECONDS);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private <R> void answer(StreamObserver<R> observer, Supplier<R> response) {
        if (failure != null) {
            observer.onError(failure.asRuntimeException());
            return;
        }
        R made;
        try {
            made = response.get();
        } catch (StatusRuntimeException failed) {
            observer.onError(failed);
            return;
        }
        observer.onNext(made);
        observer.onCompleted();
    }

    private final class Keys extends KeyServiceGrpc.KeyServiceImplBase {
        @Override
        public void generateDataKey(GenerateDataKeyRequest request, StreamObserver<GenerateDataKeyResponse> observer) {
            answer(observer, dataKey);
        }

        @Override
        public void decrypt(DecryptRequest request, StreamObserver<DecryptResponse> observer) {
            answer(observer, () -> decrypt.apply(request));
        }
    }

    private final class Certificates extends CertificateServiceGrpc.CertificateServiceImplBase {
        @Override
        public void deleteCertificate(
                DeleteCertificateRequest request, StreamObserver<DeleteCertificateResponse> observer) {
            answer(observer, DeleteCertificateResponse::getDefaultInstance);
        }

        @Override
        public void watchCertificates(
                WatchCertificatesRequest request, StreamObserver<WatchCertificatesResponse> observer) {
            watch.accept(request, observer);
        }
    }

    private final class Recorder implements ServerInterceptor {
        @Override
        public <Q, R> ServerCall.Listener<Q> interceptCall(
                ServerCall<Q, R> call, Metadata received, ServerCallHandler<Q, R> next) {
            headers.add(received);
            var deadline = Context.current().getDeadline();
            millisecondsLeft.add(deadline == null ? -1 : deadline.timeRemaining(TimeUnit.MILLISECONDS));
            return next.startCall(call, received);
        }
    }
}
