package dev.keyway;

import io.grpc.ClientInterceptor;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.AbstractBlockingStub;
import java.time.Duration;
import java.util.function.Supplier;

/**
 * The common part of the services: options of calls, and conversion of errors to {@link KeywayException}.
 *
 * @param <S> the stub
 * @param <T> the service
 */
public abstract class ServiceCalls<S extends AbstractBlockingStub<S>, T extends ServiceCalls<S, T>> {
    private final S stub;

    ServiceCalls(S stub) {
        this.stub = stub;
    }

    abstract T with(S changed);

    /** Returns the gRPC stub. Its calls throw {@link StatusRuntimeException}. */
    public S stub() {
        return stub;
    }

    /** Returns the service with a deadline for the next calls, counted from now. */
    public T withDeadlineAfter(Duration duration) {
        return with(stub.withDeadlineAfter(duration));
    }

    /** Returns the service with calls that wait for a connection instead of failing with UNAVAILABLE. */
    public T withWaitForReady() {
        return with(stub.withWaitForReady());
    }

    /** Returns the service with these interceptors around each call. */
    public T withInterceptors(ClientInterceptor... interceptors) {
        return with(stub.withInterceptors(interceptors));
    }

    static <R> R call(Supplier<R> call) {
        try {
            return call.get();
        } catch (StatusRuntimeException failure) {
            throw KeywayException.from(failure);
        }
    }
}
