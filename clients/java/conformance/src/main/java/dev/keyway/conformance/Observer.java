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

/** Sees what a client's answers do not show: how many calls it made, and the trailers of the last. */
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
        // Calls are made one after the other.
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
