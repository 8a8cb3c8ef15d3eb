package dev.keyway;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.util.List;

/**
 * Fails calls immediately while no program listens on the loopback addresses. gRPC would retry them for seconds. Once a
 * program listens, gRPC handles failures, because the gateway can be restarting.
 */
final class FirstCall implements ClientInterceptor {
    private static final int TIMEOUT_MS = 200;

    private final List<Address> addresses;
    private volatile boolean found;

    FirstCall(List<Address> addresses) {
        this.addresses = addresses;
        found = !addresses.stream().allMatch(Address::isLoopback);
    }

    @Override
    public <Q, R> ClientCall<Q, R> interceptCall(MethodDescriptor<Q, R> method, CallOptions options, Channel next) {
        if (!found && !options.isWaitForReady()) {
            ConnectException refusal = refusal();
            if (refusal != null) {
                return new Refused<>(Status.UNAVAILABLE.withDescription(refusal.getMessage()).withCause(refusal));
            }
            found = true;
        }
        return next.newCall(method, options);
    }

    /** Returns the exception of the last address if all addresses refuse connections. */
    private ConnectException refusal() {
        ConnectException last = null;
        try {
            for (Address address : addresses) {
                for (InetAddress host : InetAddress.getAllByName(address.host())) {
                    last = refusal(new InetSocketAddress(host, address.port()));
                    if (last == null) {
                        return null;
                    }
                }
            }
        } catch (IOException unknown) {
            return null;
        }
        return last;
    }

    private static ConnectException refusal(InetSocketAddress address) throws IOException {
        try (Socket socket = new Socket()) {
            socket.connect(address, TIMEOUT_MS);
            return null;
        } catch (ConnectException refused) {
            return refused;
        }
    }

    /** A call that fails at its start. */
    private static final class Refused<Q, R> extends ClientCall<Q, R> {
        private final Status status;

        Refused(Status status) {
            this.status = status;
        }

        @Override
        public void start(Listener<R> listener, Metadata headers) {
            listener.onClose(status, new Metadata());
        }

        @Override
        public void request(int messages) {
            // There are no messages.
        }

        @Override
        public void cancel(String message, Throwable cause) {
            // The call has already failed.
        }

        @Override
        public void halfClose() {
            // The call has already failed.
        }

        @Override
        public void sendMessage(Q message) {
            // The call has already failed.
        }
    }
}
