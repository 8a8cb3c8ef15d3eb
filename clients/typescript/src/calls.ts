/** Promise-based methods of a service, with cancellation, deadlines and typed errors. */
import type { DescService } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";

import type { Connection } from "./connection.js";
import { KeywayError } from "./errors.js";
import type { Request, Response } from "./services.js";
import type { Stub } from "./stubs.js";
import { whenLoaded } from "./trace.js";
import { RECEIPT, REQUEST_ID, textOf } from "./trailers.js";

/** Options of one call. */
export interface CallOptions {
  /** Cancels the call. It then fails with CANCELLED, and the reason of the signal is its `cause`. */
  readonly signal?: AbortSignal;
  /** Deadline in milliseconds, including retries. The default is the client's `defaultDeadlineMs`. */
  readonly deadlineMs?: number;
  /** Sent with the call, such as `x-request-id` or `x-service-name`. */
  readonly metadata?: grpc.Metadata | Readonly<Record<string, string>>;
  /** Called with the trailers before the promise resolves. */
  readonly onTrailers?: (trailers: Trailers) => void;
}

/** The trailers of a response. For a failed call, the KeywayError has the same fields. */
export interface Trailers {
  /** The gateway's id of the call, which identifies it in the log. */
  readonly requestId: string | undefined;
  /** The receipt of the call's record in the journal: chain, sequence and hash. */
  readonly receipt: string | undefined;
  /** All trailers. */
  readonly metadata: grpc.Metadata;
}

/** A method. It rejects with a KeywayError. */
export type Call<M> = (request: Request<M>, options?: CallOptions) => Promise<Response<M>>;

/** All methods of service `S` that return one response. */
export type Calls<S extends DescService> = {
  readonly [K in keyof S["method"] as S["method"][K] extends { methodKind: "unary" } ? K : never]: Call<S["method"][K]>;
};

/** Returns the promise-based methods of `stub`. */
export function makeCalls<S extends DescService>(service: S, stub: Stub<S>, connection: Connection): Calls<S> {
  const unary = service.methods.filter(({ methodKind }) => methodKind === "unary");
  const calls = unary.map(({ localName }) => {
    const method = (stub[localName as keyof Stub<S>] as unknown as StubFunction).bind(stub);
    return [localName, (request: unknown, options: CallOptions = {}) => call(connection, method, request, options)];
  });
  return Object.freeze(Object.fromEntries(calls)) as Calls<S>;
}

type StubFunction = (
  request: unknown,
  metadata: grpc.Metadata,
  options: grpc.CallOptions,
  callback: grpc.requestCallback<unknown>,
) => grpc.ClientUnaryCall;

function call(connection: Connection, method: StubFunction, request: unknown, options: CallOptions): Promise<unknown> {
  return new Promise((resolve, reject) => {
    whenLoaded(() => start(connection, method, request, options, resolve, reject));
  });
}

function start(
  connection: Connection,
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
        reject(connection.failed(error, signal?.aborted ? signal.reason : undefined));
      } else {
        connection.succeeded();
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

/** Returns the metadata of a call. */
export function metadataOf(given: CallOptions["metadata"]): grpc.Metadata {
  if (given instanceof grpc.Metadata) {
    return given.clone();
  }
  const metadata = new grpc.Metadata();
  for (const [key, value] of Object.entries(given ?? {})) {
    metadata.set(key, value);
  }
  return metadata;
}
