package dev.keyway.conformance;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ForwardingClientCall.SimpleForwardingClientCall;
import io.grpc.ForwardingClientCallListener.SimpleForwardingClientCallListener;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;

/** Counts the calls of a client, and stores the trailers of the last call. */
final class Observer implements ClientInterceptor {
    private volatile Metadata trailers = new Metadata();
    private volatile int calls;

    Metadata trailers() {
        return trailers;
    }

    int calls() {
        return calls;
    }

    @Override
    public <Q, R> ClientCall<Q, R> interceptCall(MethodDescriptor<Q, R> method, CallOptions options, Channel next) {
        // The calls are sequential.
        calls = calls + 1;
        return new SimpleForwardingClientCall<>(next.newCall(method, options)) {
            @Override
            public void start(Listener<R> listener, Metadata headers) {
                super.start(new SimpleForwardingClientCallListener<>(listener) {
                    @Override
                    public void onClose(Status status, Metadata received) {
                        trailers = received;
                        super.onClose(status, received);
                    }
                }, headers);
            }
        };
    }
}
