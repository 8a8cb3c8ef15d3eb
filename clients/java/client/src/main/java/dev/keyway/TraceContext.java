package dev.keyway;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ForwardingClientCall.SimpleForwardingClientCall;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.opentelemetry.api.trace.propagation.W3CTraceContextPropagator;
import io.opentelemetry.context.Context;

/**
 * Sends the W3C trace context of the current OpenTelemetry span, unless the call already has one. Load this class only if
 * OpenTelemetry is on the class path.
 */
final class TraceContext implements ClientInterceptor {
    private static final Metadata.Key<String> TRACEPARENT = key("traceparent");

    /** Whether OpenTelemetry is on the class path. */
    static boolean isAvailable() {
        try {
            Class.forName("io.opentelemetry.api.trace.propagation.W3CTraceContextPropagator");
            return true;
        } catch (ClassNotFoundException | LinkageError absent) {
            return false;
        }
    }

    @Override
    public <Q, R> ClientCall<Q, R> interceptCall(MethodDescriptor<Q, R> method, CallOptions options, Channel next) {
        // Read the span on the thread of the caller, because gRPC can start the call on another thread.
        Context context = Context.current();
        return new SimpleForwardingClientCall<>(next.newCall(method, options)) {
            @Override
            public void start(Listener<R> listener, Metadata headers) {
                if (!headers.containsKey(TRACEPARENT)) {
                    W3CTraceContextPropagator.getInstance().inject(context, headers, TraceContext::put);
                }
                super.start(listener, headers);
            }
        };
    }

    private static void put(Metadata headers, String name, String value) {
        headers.put(key(name), value);
    }

    private static Metadata.Key<String> key(String name) {
        return Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER);
    }
}
