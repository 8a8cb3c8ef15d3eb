/** Iteration over the events of WatchCertificates, across interruptions of the stream. */
import { setTimeout as sleep } from "node:timers/promises";

import * as grpc from "@grpc/grpc-js";

import { type CallOptions, metadataOf } from "./calls.js";
import type { Connection } from "./connection.js";
import { KeywayError } from "./errors.js";
import { Code } from "./gen/google/rpc/code_pb.js";
import type { CertificateService, WatchCertificatesResponse } from "./gen/keyway/v1/certificate_service_pb.js";
import type { Request } from "./services.js";
import type { Stub } from "./stubs.js";
import { whenLoaded } from "./trace.js";
import { CertificateChanges } from "./watch-changes.js";

/** Options of a watch. There is no default deadline; `deadlineMs` limits the whole iteration. */
export type WatchOptions = Omit<CallOptions, "onTrailers">;

type WatchRequest = Request<(typeof CertificateService)["method"]["watchCertificates"]>;
type EventStream = grpc.ClientReadableStream<WatchCertificatesResponse>;

const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 10_000;

/** Yields the changes. It opens a new stream after each failure that a new stream can repair. */
export async function* watchCertificates(
  stub: Stub<typeof CertificateService>,
  connection: Connection,
  request: WatchRequest,
  { signal, deadlineMs, metadata }: WatchOptions,
): AsyncGenerator<WatchCertificatesResponse, void, undefined> {
  const callOptions = deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs };
  const changes = new CertificateChanges(request.resumeToken ?? "");
  const delays = new Delays();
  let began = false;
  await new Promise<void>(whenLoaded);
  for (;;) {
    if (signal?.aborted) {
      throw KeywayError.cancelled(signal.reason);
    }
    const resumed = { ...request, resumeToken: changes.begin() };
    const reader = new Reader(stub.watchCertificates(resumed, metadataOf(metadata), callOptions), signal);
    let received = false;
    try {
      for (let event = await reader.next(); event !== undefined; event = await reader.next()) {
        connection.succeeded();
        began = received = true;
        delays.reset();
        yield* changes.add(event);
      }
    } finally {
      reader.close();
    }
    const failure = reader.error && connection.failed(reader.error, signal?.aborted ? signal.reason : undefined);
    if (failure && (!began || signal?.aborted || isClosed(stub) || !canReopen(failure, received))) {
      throw failure;
    }
    await sleep(delays.next(failure?.retryDelayMs), undefined, signal && { signal }).catch(() => {}); // it was aborted
  }
}

/** Reads the events of one stream. */
class Reader {
  readonly #stream: EventStream;
  readonly #events: AsyncIterator<WatchCertificatesResponse>;
  readonly #signal: AbortSignal | undefined;
  readonly #cancel = () => this.#stream.cancel();
  /** The error with which the stream ended, if any. */
  error: Error | undefined;

  constructor(stream: EventStream, signal: AbortSignal | undefined) {
    this.#stream = stream;
    this.#events = stream[Symbol.asyncIterator]();
    this.#signal = signal;
    stream.on("error", () => {}); // of the cancellation, after the last read
    signal?.addEventListener("abort", this.#cancel, { once: true });
  }

  /** Returns the next event; undefined at the end of the stream. */
  async next(): Promise<WatchCertificatesResponse | undefined> {
    try {
      const { done, value } = await this.#events.next();
      return done ? undefined : value;
    } catch (error) {
      this.error = error as Error;
      return undefined;
    }
  }

  close(): void {
    this.#signal?.removeEventListener("abort", this.#cancel);
    this.#stream.cancel();
  }
}

/** The delays before new streams, which double until an event is received. */
class Delays {
  #next = FIRST_DELAY_MS;

  reset(): void {
    this.#next = FIRST_DELAY_MS;
  }

  /** Returns a delay in milliseconds. atLeast: what the gateway demands. */
  next(atLeast = 0): number {
    const own = this.#next * (0.5 + Math.random() / 2);
    this.#next = Math.min(2 * this.#next, LONGEST_DELAY_MS);
    return atLeast > own ? atLeast * (1 + Math.random() / 5) : own;
  }
}

/** Returns whether a new stream can repair a failure. received: the stream had an event. */
function canReopen({ code, reason, retryDelayMs }: KeywayError, received: boolean): boolean {
  if (code === Code.UNAVAILABLE || retryDelayMs !== undefined) {
    return true;
  }
  switch (code) {
    case Code.UNAUTHENTICATED: // the credential has expired; the next stream sends a new one
      return received;
    case Code.INTERNAL:
    case Code.UNKNOWN:
    case Code.CANCELLED: // without a reason: a proxy has interrupted the stream
      return received && reason === "";
    default:
      return false;
  }
}

function isClosed(stub: grpc.Client): boolean {
  return stub.getChannel().getConnectivityState(false) === grpc.connectivityState.SHUTDOWN;
}
