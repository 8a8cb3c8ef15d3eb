package dev.keyway;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.Context;
import io.grpc.MethodDescriptor;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** Sets the deadline of calls that have none, neither of their own nor from the gRPC context. Streams have no default. */
final class DefaultDeadline implements ClientInterceptor {
    private final long nanoseconds;

    DefaultDeadline(Duration deadline) {
        nanoseconds = TimeUnit.NANOSECONDS.convert(deadline);
    }

    @Override
    public <Q, R> ClientCall<Q, R> interceptCall(MethodDescriptor<Q, R> method, CallOptions options, Channel next) {
        boolean unlimited = options.getDeadline() == null
                && Context.current().getDeadline() == null
                && method.getType() == MethodDescriptor.MethodType.UNARY;
        return next.newCall(
                method, unlimited ? options.withDeadlineAfter(nanoseconds, TimeUnit.NANOSECONDS) : options);
    }
}
