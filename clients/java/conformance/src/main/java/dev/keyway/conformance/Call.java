package dev.keyway.conformance;

import com.google.common.util.concurrent.ListenableFuture;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.protobuf.Message;
import dev.keyway.KeywayClient;
import dev.keyway.KeywayException;
import dev.keyway.v1.AuditServiceGrpc;
import dev.keyway.v1.CertificateServiceGrpc;
import dev.keyway.v1.KeyServiceGrpc;
import dev.keyway.v1.ListCertificatesRequest;
import dev.keyway.v1.ListProvidersRequest;
import dev.keyway.v1.ProviderServiceGrpc;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientInterceptors;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.PrototypeMarshaller;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import java.io.IOException;
import java.util.Collection;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;

/** The call of a case, over the client's channel: any method, with its request from JSON. */
final class Call {
    private static final int DEADLINE_MS = 10_000;

    private final KeywayClient client;
    private final JsonObject test;
    private final Observer observer;

    Call(KeywayClient client, JsonObject test, Observer observer) {
        this.client = client;
        this.test = test;
        this.observer = observer;
    }

    /** Returns the response as JSON. Throws the exception of the client, or CancellationException for a canceled call. */
    JsonElement run() throws IOException, InterruptedException {
        MethodDescriptor<?, ?> method = method(test.get("method").getAsString());
        return Json.isTrue(test, "repeat_pages") ? iterate(method) : callOnce(method);
    }

    private <Q, R> JsonElement callOnce(MethodDescriptor<Q, R> method) throws IOException, InterruptedException {
        Channel channel = ClientInterceptors.intercept(
                client.channel(), observer, MetadataUtils.newAttachHeadersInterceptor(metadata()));
        CallOptions options = CallOptions.DEFAULT.withDeadlineAfter(deadline(), TimeUnit.MILLISECONDS);
        PrototypeMarshaller<Q> requests = (PrototypeMarshaller<Q>) method.getRequestMarshaller();
        Message prototype = (Message) requests.getMessagePrototype();
        Q request = requests.getMessageClass().cast(Json.parse(test.get("request"), prototype));
        ListenableFuture<R> future = ClientCalls.futureUnaryCall(channel.newCall(method, options), request);
        try {
            R response = test.has("cancel_after_ms")
                    ? cancel(future, test.get("cancel_after_ms").getAsLong())
                    : future.get();
            return Json.print((Message) response);
        } catch (ExecutionException failed) {
            throw KeywayException.from(failed);
        }
    }

    /** Cancels the call after a delay. A response before that is a normal response. */
    private static <R> R cancel(ListenableFuture<R> future, long milliseconds)
            throws ExecutionException, InterruptedException {
        try {
            return future.get(milliseconds, TimeUnit.MILLISECONDS);
        } catch (TimeoutException pending) {
            future.cancel(true);
            return future.get();
        }
    }

    private JsonElement iterate(MethodDescriptor<?, ?> method) throws IOException {
        Message prototype = (Message) ((PrototypeMarshaller<?>) method.getRequestMarshaller()).getMessagePrototype();
        Message request = Json.parse(test.get("request"), prototype);
        JsonArray items = new JsonArray();
        names(request).forEach(items::add);
        JsonObject seen = new JsonObject();
        seen.add("items", items);
        seen.addProperty("pages", observer.calls());
        return seen;
    }

    private Stream<String> names(Message request) {
        if (request instanceof ListCertificatesRequest certificates) {
            return client.certificates().withInterceptors(observer).allCertificates(certificates).stream()
                    .map(each -> each.getName());
        }
        if (request instanceof ListProvidersRequest providers) {
            return client.providers().withInterceptors(observer).allProviders(providers).stream()
                    .map(each -> each.getName());
        }
        throw new IllegalArgumentException(test.get("method") + " has no pages.");
    }

    private Metadata metadata() {
        Metadata metadata = new Metadata();
        if (test.has("request_metadata")) {
            test.getAsJsonObject("request_metadata")
                    .asMap()
                    .forEach((name, value) -> metadata.put(
                            Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER), value.getAsString()));
        }
        return metadata;
    }

    private long deadline() {
        return test.has("deadline_ms") ? test.get("deadline_ms").getAsLong() : DEADLINE_MS;
    }

    private static MethodDescriptor<?, ?> method(String fullName) {
        return Stream.of(
                        CertificateServiceGrpc.getServiceDescriptor(),
                        KeyServiceGrpc.getServiceDescriptor(),
                        ProviderServiceGrpc.getServiceDescriptor(),
                        AuditServiceGrpc.getServiceDescriptor())
                .map(service -> service.getMethods())
                .flatMap(Collection::stream)
                .filter(method -> method.getFullMethodName().equals(fullName))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("Unknown method " + fullName + "."));
    }
}
