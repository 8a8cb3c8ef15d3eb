/**
 * Trace propagation: sends the W3C headers `traceparent` and `tracestate` of OpenTelemetry's current span.
 *
 * It sends nothing if `@opentelemetry/api` is not installed. It creates no spans.
 */
import * as grpc from "@grpc/grpc-js";

type Api = typeof import("@opentelemetry/api");

let api: Api | undefined;
let loaded = false;
const loading: Promise<void> = import("@opentelemetry/api").then(
  (module) => {
    api = module;
    loaded = true;
  },
  () => {
    loaded = true;
  },
);

/** Runs `task` after the OpenTelemetry API is loaded: immediately, except during the first moments of the process. */
export function whenLoaded(task: () => void): void {
  if (loaded) {
    task();
  } else {
    loading.then(task);
  }
}

/** Adds the headers, unless the caller or an instrumentation of grpc-js has set them. */
export const traceInterceptor: grpc.Interceptor = (options, nextCall) =>
  new grpc.InterceptingCall(nextCall(options), {
    start(metadata, listener, next) {
      whenLoaded(() => {
        if (api !== undefined && metadata.get("traceparent").length === 0) {
          setTrace(api, metadata);
        }
        next(metadata, listener);
      });
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
