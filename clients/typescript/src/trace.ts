/**
 * Passes on the trace that the caller is in: W3C `traceparent` and `tracestate` of OpenTelemetry's current span.
 *
 * Without `@opentelemetry/api` installed there is no span, and nothing is sent. Makes no spans itself.
 */
import * as grpc from "@grpc/grpc-js";

type Api = typeof import("@opentelemetry/api");

const api: Api | undefined = await import("@opentelemetry/api").catch(() => undefined);

/** Sets the headers where nobody, such as an instrumentation of grpc-js, has set them. */
export const traceInterceptor: grpc.Interceptor = (options, nextCall) =>
  new grpc.InterceptingCall(nextCall(options), {
    start(metadata, listener, next) {
      if (api !== undefined && metadata.get("traceparent").length === 0) {
        setTrace(api, metadata);
      }
      next(metadata, listener);
    },
  });

function setTrace({ context, trace, isSpanContextValid }: Api, metadata: grpc.Metadata): void {
  const span = trace.getSpanContext(context.active());
  if (span === undefined || !isSpanContextValid(span)) {
    return;
  }
  const flags = (span.traceFlags & 0xff).toString(16).padStart(2, "0");
  metadata.set("traceparent", `00-${span.traceId}-${span.spanId}-${flags}`);
  const state = span.traceState?.serialize();
  if (state) {
    metadata.set("tracestate", state);
  }
}
