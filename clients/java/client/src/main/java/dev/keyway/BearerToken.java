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

/** Sends a bearer token with each call, over TLS only. The supplier returns the token for each call. */
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
            applier.fail(Status.UNAUTHENTICATED.withDescription("A bearer token requires TLS."));
            return;
        }
        // The supplier can block, so it does not run on the thread of the connection.
        executor.execute(() -> apply(applier));
    }

    private static String sendable(String token) {
        if (!token.matches("[!-~]+")) {
            throw new IllegalStateException("The token is empty or contains characters that a header cannot carry.");
        }
        return token;
    }

    private void apply(MetadataApplier applier) {
        Metadata headers = new Metadata();
        try {
            headers.put(AUTHORIZATION, "Bearer " + sendable(token.get().strip()));
        } catch (RuntimeException failed) {
            applier.fail(Status.UNAUTHENTICATED
                    .withDescription("The supplier of the bearer token failed.")
                    .withCause(failed));
            return;
        }
        applier.apply(headers);
    }
}
