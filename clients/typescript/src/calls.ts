/** Promises over stubs: cancellation, deadlines and typed errors for every method of a service alike. */
import type { DescService } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";

import { KeywayError } from "./errors.js";
import type { Request, Response } from "./services.js";
import type { Stub } from "./stubs.js";
import { whenLoaded } from "./trace.js";
import { RECEIPT, REQUEST_ID, textOf } from "./trailers.js";

/** What a single call may have of its own. */
export interface CallOptions {
  /** Cancels the call: it then fails with CANCELLED, and the signal's reason as `cause`. */
  readonly signal?: AbortSignal;
  /** Milliseconds that the call may take, repeats included. Otherwise the client's `defaultDeadlineMs`. */
  readonly deadlineMs?: number;
  /** Sent with the call, such as `x-request-id` or `x-service-name`. */
  readonly metadata?: grpc.Metadata | Readonly<Record<string, string>>;
  /** Called before the promise resolves with what the gateway says of the call besides the response. */
  readonly onTrailers?: (trailers: Trailers) => void;
}

/** What comes after a response. A failed call has the same on its KeywayError. */
export interface Trailers {
  /** The gateway's id of the call, for its log and its operators. */
  readonly requestId: string | undefined;
  /** Proves that the call is on record: chain, sequence and hash. */
  readonly receipt: string | undefined;
  /** All that was sent. */
  readonly metadata: grpc.Metadata;
}

/** One method. It rejects with a KeywayError. */
export type Call<M> = (request: Request<M>, options?: CallOptions) => Promise<Response<M>>;

/** All methods of service `S`. */
export type Calls<S extends DescService> = { readonly [K in keyof S["method"]]: Call<S["method"][K]> };

/** The promises over `stub`. */
export function makeCalls<S extends DescService>(service: S, stub: Stub<S>): Calls<S> {
  const calls = service.methods.map(({ localName }) => {
    const method = (stub[localName as keyof Stub<S>] as unknown as StubFunction).bind(stub);
    return [localName, (request: unknown, options: CallOptions = {}) => call(method, request, options)];
  });
  return Object.freeze(Object.fromEntries(calls)) as Calls<S>;
}

type StubFunction = (
  request: unknown,
  metadata: grpc.Metadata,
  options: grpc.CallOptions,
  callback: grpc.requestCallback<unknown>,
) => grpc.ClientUnaryCall;

function call(method: StubFunction, request: unknown, options: CallOptions): Promise<unknown> {
  return new Promise((resolve, reject) => {
    whenLoaded(() => start(method, request, options, resolve, reject));
  });
}

function start(
  method: StubFunction,
  request: unknown,
  options: CallOptions,
  resolve: (response: unknown) => void,
  reject: (error: unknown) => void,
): void {
  const { signal, deadlineMs, onTrailers } = options;
  if (signal?.aborted) {
    reject(KeywayError.cancelled(signal.reason));
    return;
  }
  try {
    const callOptions = deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs };
    const started = method(request, metadataOf(options.metadata), callOptions, (error, response) => {
      signal?.removeEventListener("abort", cancel);
      if (error) {
        reject(KeywayError.from(error, signal?.aborted ? signal.reason : undefined));
      } else {
        resolve(response);
      }
    });
    const cancel = () => started.cancel();
    signal?.addEventListener("abort", cancel, { once: true });
    if (onTrailers) {
      started.on("status", ({ metadata }: grpc.StatusObject) => onTrailers(trailersOf(metadata)));
    }
  } catch (error) {
    reject(error); // such as an invalid request
  }
}

function trailersOf(metadata: grpc.Metadata): Trailers {
  return { requestId: textOf(metadata, REQUEST_ID), receipt: textOf(metadata, RECEIPT), metadata };
}

function metadataOf(given: CallOptions["metadata"]): grpc.Metadata {
  if (given instanceof grpc.Metadata) {
    return given.clone();
  }
  const metadata = new grpc.Metadata();
  for (const [key, value] of Object.entries(given ?? {})) {
    metadata.set(key, value);
  }
  return metadata;
}
