package dev.keyway;

import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ForwardingClientCall.SimpleForwardingClientCall;
import io.grpc.ForwardingClientCallListener.SimpleForwardingClientCallListener;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Recognizes the problem of a failed connection, and adds it to the trailers, where {@link KeywayException} reads it. The
 * gateway cannot send it.
 */
final class ConnectionProblems implements ClientInterceptor {
    private static final Metadata.Key<String> PROBLEM =
            Metadata.Key.of("keyway-problem", Metadata.ASCII_STRING_MARSHALLER);

    /** Texts from gRPC, Netty, and Java, including exception names. The first match applies. */
    private static final List<Map.Entry<Pattern, Problem>> TEXTS = List.of(
            known("Connection refused", Problem.REFUSED),
            known("UnknownHostException|Unable to resolve host|Unknown host", Problem.UNRESOLVED),
            known("No route to host|Network is unreachable", Problem.UNREACHABLE),
            known("onnection timed out", Problem.TIMEOUT),
            known("not an SSL/TLS record", Problem.PLAINTEXT_REQUIRED),
            known("CertificateExpiredException", Problem.EXPIRED),
            known("CertificateNotYetValidException", Problem.NOT_YET_VALID),
            known("subject alternative|No name matching", Problem.HOST_NAME),
            known("CertPathBuilderException|CertPathValidatorException|ValidatorException", Problem.UNTRUSTED),
            known("Failed ALPN negotiation", Problem.NOT_HTTP2));

    /** Texts for a connection that the server closes. With TLS 1.3, it does so if it rejects the client certificate. */
    private static final Pattern CLOSED = Pattern.compile("Network closed for unknown reason|Connection reset|Broken pipe"
            + "|alert.*(certificate|unknown.ca)|Hex dump for first 5 bytes: 1503", Pattern.CASE_INSENSITIVE);

    private final Problem whenClosed;
    /** Whether a server responded to a call, so that a closed connection does not mean wrong settings. */
    private volatile boolean answered;

    ConnectionProblems(boolean plaintext, boolean certificate) {
        if (plaintext) {
            whenClosed = Problem.TLS_REQUIRED;
        } else {
            whenClosed = certificate ? Problem.CLIENT_CERTIFICATE_REJECTED : Problem.CLIENT_CERTIFICATE_MISSING;
        }
    }

    /** Returns the problem of a failed connection. trailers: as the interceptor returns them. */
    static Optional<Problem> problem(Metadata trailers) {
        String name = trailers.get(PROBLEM);
        return Stream.of(Problem.values()).filter(each -> each.name().equals(name)).findFirst();
    }

    @Override
    public <Q, R> ClientCall<Q, R> interceptCall(MethodDescriptor<Q, R> method, CallOptions options, Channel next) {
        return new SimpleForwardingClientCall<>(next.newCall(method, options)) {
            @Override
            public void start(Listener<R> listener, Metadata headers) {
                super.start(
                        new SimpleForwardingClientCallListener<>(listener) {
                            @Override
                            public void onClose(Status status, Metadata trailers) {
                                super.onClose(status, explained(status, trailers));
                            }
                        },
                        headers);
            }
        };
    }

    private Metadata explained(Status status, Metadata trailers) {
        if (status.isOk()) {
            answered = true;
            return trailers;
        }
        Metadata all = new Metadata();
        all.merge(trailers);
        all.removeAll(PROBLEM);
        if (!all.keys().isEmpty()) {
            // The gateway responded, or a proxy in front of it, whose text can resemble a gRPC message.
            answered = true;
        } else if (status.getCode() == Status.Code.UNAVAILABLE) {
            Problem problem = recognized(text(status));
            if (problem != null) {
                all.put(PROBLEM, problem.name());
            }
        }
        return all;
    }

    private Problem recognized(String text) {
        for (Map.Entry<Pattern, Problem> known : TEXTS) {
            if (known.getKey().matcher(text).find()) {
                return known.getValue();
            }
        }
        return !answered && CLOSED.matcher(text).find() ? whenClosed : null;
    }

    /** Returns the description and all causes of a status. */
    private static String text(Status status) {
        StringBuilder text = new StringBuilder(String.valueOf(status.getDescription()));
        for (Throwable each = status.getCause(); each != null; each = each.getCause()) {
            text.append('\n').append(each);
        }
        return text.toString();
    }

    private static Map.Entry<Pattern, Problem> known(String pattern, Problem problem) {
        return Map.entry(Pattern.compile(pattern), problem);
    }
}
