package dev.keyway;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RequestInfo;
import com.google.rpc.RetryInfo;
import dev.keyway.v1.ErrorReason;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A failed call. Its cause is the exception of gRPC. The methods of {@code client.certificates()}, {@code client.keys()}
 * and {@code client.providers()} throw it; {@link #from(Throwable)} creates it from the exceptions of gRPC stubs.
 */
public final class KeywayException extends RuntimeException {
    private static final long serialVersionUID = 1;
    private static final String DOMAIN = "keyway";
    private static final String REASON_PREFIX = "ERROR_REASON_";
    private static final Metadata.Key<String> REQUEST_ID = key("keyway-request-id");
    private static final Metadata.Key<String> RECEIPT = key("keyway-audit-receipt");

    private final Status.Code code;
    private final String statusMessage;
    private final String receipt;
    private final Problem problem;
    // Not serializable: a deserialized exception has the code and the messages only.
    private final transient Details details;

    private KeywayException(
            Status.Code code, String message, Problem problem, Details details, String receipt, Throwable cause) {
        super(describe(code, message, problem, details), cause);
        this.code = code;
        this.statusMessage = message;
        this.problem = problem;
        this.details = details;
        this.receipt = receipt;
    }

    /**
     * Returns the exception for a failure. It looks through the causes, because futures wrap failures. A failure that
     * gRPC did not throw has the code UNKNOWN.
     *
     * @param failure the exception that a stub threw or a future failed with
     */
    public static KeywayException from(Throwable failure) {
        for (Throwable each = failure; each != null; each = each.getCause()) {
            if (each instanceof KeywayException ours) {
                return ours;
            }
            if (each instanceof StatusRuntimeException error) {
                return from(error.getStatus(), error.getTrailers(), failure);
            }
            if (each instanceof StatusException error) {
                return from(error.getStatus(), error.getTrailers(), failure);
            }
        }
        return from(Status.UNKNOWN.withDescription(failure.toString()), null, failure);
    }

    /**
     * Returns the exception for a failed item of a batch.
     *
     * @param status the item's {@code error}
     */
    public static KeywayException from(com.google.rpc.Status status) {
        Status.Code code = Status.fromCodeValue(status.getCode()).getCode();
        Details details = Details.of(status);
        return new KeywayException(code, status.getMessage(), details.problem(status.getMessage()), details, null, null);
    }

    private static KeywayException from(Status status, Metadata trailers, Throwable cause) {
        Metadata sent = trailers == null ? new Metadata() : trailers;
        Details details = Details.of(whole(status, sent));
        String id = sent.get(REQUEST_ID);
        String message = status.getDescription() == null ? "" : status.getDescription();
        Problem problem = details.problem(message);
        Optional<Problem> ofConnection = ConnectionProblems.problem(sent);
        if (ofConnection.isPresent()) {
            problem = ofConnection.get();
            message = problem.sentence();
        }
        Details all = id == null ? details : details.withRequestId(id);
        return new KeywayException(status.getCode(), message, problem, all, sent.get(RECEIPT), cause);
    }

    private static com.google.rpc.Status whole(Status status, Metadata trailers) {
        try {
            return StatusProto.fromStatusAndTrailers(status, trailers);
        } catch (IllegalArgumentException garbled) {
            // The details are malformed, or have a different code: use the code and message of gRPC.
            return null;
        }
    }

    /** The gRPC status code. */
    public Status.Code code() {
        return code;
    }

    /** The reason, such as {@code KEY_NOT_FOUND}; empty if the error does not come from the gateway. */
    public String reason() {
        return details == null ? "" : details.error().getReason();
    }

    /** Whether the call failed for this reason. */
    public boolean is(ErrorReason reason) {
        return reason != ErrorReason.ERROR_REASON_UNSPECIFIED
                && reason != ErrorReason.UNRECOGNIZED
                && reason.name().equals(REASON_PREFIX + reason());
    }

    /** Details of the reason, such as {@code provider}, {@code upstream_code} and {@code http_status}. */
    public Map<String, String> metadata() {
        return details == null ? Map.of() : details.error().getMetadataMap();
    }

    /** All invalid fields of the request. */
    public List<FieldViolation> violations() {
        return details == null ? List.of() : details.violations();
    }

    /** How long to wait before a retry; empty unless the gateway states that a retry is safe. */
    public Optional<Duration> retryDelay() {
        return details == null ? Optional.empty() : Optional.ofNullable(details.retryDelay());
    }

    /** The gateway's id of the call, which identifies it in the log and in the journal. */
    public Optional<String> requestId() {
        return details == null ? Optional.empty() : Optional.ofNullable(details.requestId());
    }

    /** The receipt of the call's record in the journal: chain, sequence and hash. */
    public Optional<String> receipt() {
        return Optional.ofNullable(receipt);
    }

    /** Why the client cannot connect, or why the gateway rejects the caller; empty if that is not known. */
    public Optional<Problem> problem() {
        return Optional.ofNullable(problem);
    }

    /** The message of the gateway, without the code and the request ID. If the client cannot connect, its sentence. */
    public String statusMessage() {
        return statusMessage;
    }

    private static String describe(Status.Code code, String message, Problem problem, Details details) {
        String reason = details.error().getReason();
        String head = reason.isEmpty() || reason.equals(code.name()) ? code.name() : code + " " + reason;
        String fix = reason.isEmpty() || problem == null ? "" : ": " + problem.fix();
        String id = details.requestId() == null ? "" : " (request " + details.requestId() + ")";
        return message.isEmpty() ? head + id : head + ": " + message + fix + id;
    }

    private static Metadata.Key<String> key(String name) {
        return Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER);
    }

    /** The details of a status. */
    private record Details(ErrorInfo error, List<FieldViolation> violations, Duration retryDelay, String requestId) {
        static Details of(com.google.rpc.Status status) {
            Details found = new Details(ErrorInfo.getDefaultInstance(), List.of(), null, null);
            for (Any detail : status == null ? List.<Any>of() : status.getDetailsList()) {
                try {
                    found = found.with(detail);
                } catch (InvalidProtocolBufferException unreadable) {
                    // Ignore a malformed detail: the code and the message remain.
                }
            }
            return found;
        }

        private Details with(Any detail) throws InvalidProtocolBufferException {
            if (detail.is(ErrorInfo.class)) {
                ErrorInfo info = detail.unpack(ErrorInfo.class);
                // A proxy can add an ErrorInfo of its own domain.
                return DOMAIN.equals(info.getDomain()) ? new Details(info, violations, retryDelay, requestId) : this;
            }
            if (detail.is(BadRequest.class)) {
                List<FieldViolation> fields = detail.unpack(BadRequest.class).getFieldViolationsList().stream()
                        .map(field -> new FieldViolation(field.getField(), field.getDescription()))
                        .toList();
                return new Details(error, fields, retryDelay, requestId);
            }
            if (detail.is(RetryInfo.class)) {
                com.google.protobuf.Duration delay =
                        detail.unpack(RetryInfo.class).getRetryDelay();
                Duration read = Duration.ofSeconds(delay.getSeconds(), delay.getNanos());
                return new Details(error, violations, read, requestId);
            }
            return detail.is(RequestInfo.class)
                    ? withRequestId(detail.unpack(RequestInfo.class).getRequestId())
                    : this;
        }

        /** Returns the problem that an error of the gateway states; null if it is not about the caller. */
        Problem problem(String message) {
            String reason = error.getReason();
            return reason.equals("UNAUTHENTICATED") ? Problem.BY_MESSAGE.get(message) : Problem.BY_REASON.get(reason);
        }

        Details withRequestId(String id) {
            return new Details(error, violations, retryDelay, id);
        }
    }
}
