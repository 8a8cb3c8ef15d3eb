/** Iteration over the events of certificates, over a real server. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { create, toBinary } from "@bufbuild/protobuf";
import { anyPack, durationFromMs } from "@bufbuild/protobuf/wkt";
import * as grpc from "@grpc/grpc-js";

import { ErrorInfoSchema, RetryInfoSchema } from "../src/gen/google/rpc/error_details_pb.js";
import {
  CertificateEventType,
  CertificateService,
  connect,
  KeywayError,
  StatusSchema,
  type WatchCertificatesRequest,
  type WatchCertificatesResponse,
} from "../src/index.js";
import { failure, type StreamHandler, serve } from "./support/server.js";

/** A scenario of tests/clients/watches.json: the streams of a gateway, and what the client delivers. */
interface Scenario {
  readonly name: string;
  readonly request_token: string;
  readonly streams: readonly ScriptedStream[];
  readonly delivered: readonly string[];
  readonly error?: string;
}

interface ScriptedStream {
  readonly token: string;
  readonly events: readonly ScriptedEvent[];
  /** The status of the stream. Without it, the stream stays open. */
  readonly end?: End;
}

interface ScriptedEvent {
  readonly type: keyof typeof CertificateEventType;
  readonly name?: string;
  readonly version?: string;
  readonly token?: string;
  readonly reason?: string;
  readonly complete?: boolean;
  readonly coalesced?: number;
}

interface End {
  readonly status: keyof typeof grpc.status;
  readonly reason?: string;
  readonly retry_delay_ms?: number;
}

type Stream = grpc.ServerWritableStream<WatchCertificatesRequest, object>;

const file = new URL("../../../../tests/clients/watches.json", import.meta.url);
for (const scenario of JSON.parse(await readFile(file, "utf8")) as Scenario[]) {
  test(scenario.name, () => check(scenario));
}

async function check({ request_token: resumeToken, streams, delivered, error }: Scenario): Promise<void> {
  const tokens: string[] = [];
  await using server = await serve(CertificateService, {
    watchCertificates: (stream: Stream) => {
      tokens.push(stream.request.resumeToken);
      send(stream, streams[tokens.length - 1] ?? { token: "", events: [], end: { status: "ABORTED" } });
    },
  });
  using client = connect({ address: server.address, plaintext: true, retries: false });
  const seen: string[] = [];
  let thrown: unknown;
  try {
    for await (const event of client.watchCertificates({ parent: "providers/p", resumeToken })) {
      seen.push([CertificateEventType[event.type], event.name, event.version].join(" ").trim());
      if (error === undefined && seen.length === delivered.length) {
        break;
      }
    }
  } catch (caught) {
    thrown = caught;
  }
  assert.deepEqual(seen, delivered);
  assert.equal(thrown && KeywayError.from(thrown).codeName, error);
  assert.deepEqual(
    tokens,
    streams.map(({ token }) => token),
  );
}

function send(stream: Stream, { events, end }: ScriptedStream): void {
  for (const { type, token = "", coalesced = 0, ...members } of events) {
    stream.write({ ...members, type: CertificateEventType[type], resumeToken: token, coalescedCount: coalesced });
  }
  if (end?.status === "OK") {
    stream.end();
  } else if (end !== undefined) {
    stream.emit("error", failureOf(end));
  }
}

function failureOf({ status, reason, retry_delay_ms: delay }: End) {
  const code = grpc.status[status];
  const details = [
    ...(reason ? [anyPack(ErrorInfoSchema, create(ErrorInfoSchema, { reason, domain: "keyway" }))] : []),
    ...(delay ? [anyPack(RetryInfoSchema, create(RetryInfoSchema, { retryDelay: durationFromMs(delay) }))] : []),
  ];
  const message = create(StatusSchema, { code, message: "the end", details });
  return failure(code, "the end", {
    ...(details.length > 0 && { "grpc-status-details-bin": Buffer.from(toBinary(StatusSchema, message)) }),
  });
}

/** Sends SYNCED, and resolves `ended` when the client ends the stream. */
function staysOpen(): { handler: StreamHandler; ended: Promise<void>; calls: () => number } {
  let resolve = () => {};
  const ended = new Promise<void>((done) => {
    resolve = done;
  });
  let calls = 0;
  const handler = (stream: Stream) => {
    calls += 1;
    stream.on("cancelled", () => resolve());
    stream.write({ type: CertificateEventType.SYNCED, resumeToken: "t" });
  };
  return { handler, ended, calls: () => calls };
}

async function caught(events: AsyncIterable<WatchCertificatesResponse>): Promise<[number, KeywayError]> {
  let count = 0;
  try {
    for await (const _ of events) {
      count += 1;
    }
  } catch (error) {
    assert.ok(error instanceof KeywayError, String(error));
    return [count, error];
  }
  return assert.fail("the iteration ended");
}

test("a signal ends a watch", async () => {
  const { handler, ended, calls } = staysOpen();
  await using server = await serve(CertificateService, { watchCertificates: handler });
  using client = connect({ address: server.address, plaintext: true });
  const controller = new AbortController();
  const reason = new Error("no longer needed");
  const events: WatchCertificatesResponse[] = [];
  const watching = (async () => {
    for await (const event of client.watchCertificates({}, { signal: controller.signal })) {
      events.push(event);
      controller.abort(reason);
    }
  })();
  const error = KeywayError.from(await watching.catch((each: unknown) => each));
  assert.deepEqual([events.length, error.codeName, error.cause, calls()], [1, "CANCELLED", reason, 1]);
  await ended;
  const [count, aborted] = await caught(client.watchCertificates({}, { signal: controller.signal }));
  assert.deepEqual([count, aborted.codeName, calls()], [0, "CANCELLED", 1]);
});

test("a signal ends the wait for a new stream", async () => {
  const controller = new AbortController();
  const handler = (stream: Stream) => {
    stream.write({ type: CertificateEventType.SYNCED });
    send(stream, {
      token: "",
      events: [],
      end: { status: "UNAVAILABLE", reason: "SERVER_DRAINING", retry_delay_ms: 60_000 },
    });
  };
  await using server = await serve(CertificateService, { watchCertificates: handler });
  using client = connect({ address: server.address, plaintext: true });
  const events = client.watchCertificates({}, { signal: controller.signal });
  await events.next();
  setTimeout(() => controller.abort(), 100);
  const [count, error] = await caught(events);
  assert.deepEqual([count, error.codeName], [0, "CANCELLED"]);
});

test("leaving the loop ends the stream", async () => {
  const { handler, ended } = staysOpen();
  await using server = await serve(CertificateService, { watchCertificates: handler });
  using client = connect({ address: server.address, plaintext: true });
  for await (const event of client.watchCertificates({})) {
    assert.equal(event.resumeToken, "t");
    break;
  }
  await ended;
});

test("a watch has only its own deadline", async () => {
  const { handler } = staysOpen();
  await using server = await serve(CertificateService, { watchCertificates: handler });
  using client = connect({ address: server.address, plaintext: true, defaultDeadlineMs: 1 });
  let result: [number, string] = [0, ""];
  // On a busy machine, a short deadline can end before the first event.
  for (let deadlineMs = 500; result[0] === 0 && deadlineMs < 60_000; deadlineMs *= 10) {
    const [count, error] = await caught(client.watchCertificates({}, { deadlineMs }));
    result = [count, error.codeName];
  }
  assert.deepEqual(result, [1, "DEADLINE_EXCEEDED"]);
});

test("closing the client ends a watch", async () => {
  const { handler } = staysOpen();
  const server = await serve(CertificateService, { watchCertificates: handler });
  using client = connect({ address: server.address, plaintext: true });
  const events = client.watchCertificates({});
  await events.next();
  const [count] = await Promise.all([
    caught(events),
    (async () => {
      client.close();
      await server[Symbol.asyncDispose]();
    })(),
  ]);
  assert.equal(count[0], 0);
});

test("a watch at a refused port fails immediately", async () => {
  const server = await serve(CertificateService, {});
  await server[Symbol.asyncDispose]();
  using client = connect({ address: server.address, plaintext: true });
  const [count, error] = await caught(client.watchCertificates({}));
  assert.deepEqual([count, error.problem], [0, "REFUSED"]);
});
