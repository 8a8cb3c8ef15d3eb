package dev.keyway;

import io.grpc.CallCredentials;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.SecurityLevel;
import io.grpc.Status;
import java.util.concurrent.Executor;
import java.util.function.Supplier;

/** Sends a token with each call, asked for anew each time, and never over a connection that others can read. */
final class BearerToken extends CallCredentials implements ClientInterceptor {
    private static final Metadata.Key<String> AUTHORIZATION =
            Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

    private final Supplier<String> token;

    BearerToken(Supplier<String> token) {
        this.token = token;
    }

    @Override
    public <Q, R> ClientCall<Q, R> interceptCall(MethodDescriptor<Q, R> method, CallOptions options, Channel next) {
        return next.newCall(method, options.getCredentials() == null ? options.withCallCredentials(this) : options);
    }

    @Override
    public void applyRequestMetadata(RequestInfo request, Executor executor, MetadataApplier applier) {
        if (request.getSecurityLevel() != SecurityLevel.PRIVACY_AND_INTEGRITY) {
            applier.fail(Status.UNAUTHENTICATED.withDescription("A bearer token goes over TLS only."));
            return;
        }
        // The supplier may take its time: not on the thread that serves the connection.
        executor.execute(() -> apply(applier));
    }

    private static String sendable(String token) {
        if (!token.matches("[!-~]+")) {
            throw new IllegalStateException("The token is empty, or has what a header can't carry.");
        }
        return token;
    }

    private void apply(MetadataApplier applier) {
        Metadata headers = new Metadata();
        try {
            headers.put(AUTHORIZATION, "Bearer " + sendable(token.get().strip()));
        } catch (RuntimeException failed) {
            applier.fail(Status.UNAUTHENTICATED
                    .withDescription("The client could not get a bearer token.")
                    .withCause(failed));
            return;
        }
        applier.apply(headers);
    }
}
