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
 * Passes the caller's current OpenTelemetry span on to the gateway, as W3C trace context. To be loaded only where
 * OpenTelemetry is on the class path. A call that carries a trace context already keeps it.
 */
final class TraceContext implements ClientInterceptor {
    private static final Metadata.Key<String> TRACEPARENT = key("traceparent");

    /** Whether the caller has OpenTelemetry. */
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
        // The span of the code that calls: gRPC may start the call on another thread.
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
