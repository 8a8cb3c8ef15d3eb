/** Calls over a real server. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { create, toBinary } from "@bufbuild/protobuf";
import { anyPack, DurationSchema } from "@bufbuild/protobuf/wkt";
import * as grpc from "@grpc/grpc-js";
import { context, ROOT_CONTEXT, TraceFlags, trace } from "@opentelemetry/api";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "../src/gen/google/rpc/error_details_pb.js";
import {
  AuditService,
  CertificateService,
  Code,
  connect,
  KeyService,
  KeywayError,
  ProviderService,
  pages,
  StatusSchema,
  type Trailers,
} from "../src/index.js";
import { serviceConfig } from "../src/service-config.js";
import { failure, type Handler, serve } from "./support/server.js";

const NAME = "providers/nhn-keys/keys/orders-key";
const never: Handler = () => {};

test("a call returns bytes and an optional version", async () => {
  await using server = await serve(KeyService, {
    encrypt: ({ request }: { request: { plaintext: Uint8Array } }, callback) =>
      callback(null, request.plaintext.length === 0 ? { ciphertext: "none" } : { ciphertext: "some", keyVersion: 0 }),
  });
  using client = connect({ address: server.address, plaintext: true });
  const some = await client.keys.encrypt({ name: NAME, plaintext: Buffer.from([0, 255]) });
  const none = await client.keys.encrypt({ name: NAME });
  assert.deepEqual([some.ciphertext, some.keyVersion], ["some", 0]);
  assert.deepEqual([none.ciphertext, none.keyVersion], ["none", undefined]);
});

test("an error has all details of the gateway", async () => {
  const details = [
    anyPack(
      ErrorInfoSchema,
      create(ErrorInfoSchema, { reason: "INVALID_REQUEST", domain: "keyway", metadata: { provider: "nhn-keys" } }),
    ),
    anyPack(
      BadRequestSchema,
      create(BadRequestSchema, { fieldViolations: [{ field: "name", description: "is missing" }] }),
    ),
    anyPack(
      RetryInfoSchema,
      create(RetryInfoSchema, { retryDelay: create(DurationSchema, { seconds: 1n, nanos: 500_000_000 }) }),
    ),
  ];
  const status = create(StatusSchema, { code: Code.INVALID_ARGUMENT, message: "It is not right.", details });
  await using server = await serve(KeyService, {
    encrypt: (_, callback) =>
      callback(
        failure(grpc.status.INVALID_ARGUMENT, "It is not right.", {
          "grpc-status-details-bin": Buffer.from(toBinary(StatusSchema, status)),
          "keyway-request-id": "request-1",
          "keyway-audit-receipt": "gw-1:2:ab",
        }),
      ),
  });
  using client = connect({ address: server.address, plaintext: true });
  const error = await failureOf(client.keys.encrypt({ name: NAME }));
  assert.equal(error.code, Code.INVALID_ARGUMENT);
  assert.equal(error.codeName, "INVALID_ARGUMENT");
  assert.equal(error.reason, "INVALID_REQUEST");
  assert.equal(error.rawMessage, "It is not right.");
  assert.equal(error.message, "INVALID_ARGUMENT INVALID_REQUEST: It is not right. (request request-1)");
  assert.deepEqual(error.metadata, { provider: "nhn-keys" });
  assert.deepEqual(error.violations, [{ field: "name", description: "is missing" }]);
  assert.equal(error.retryDelayMs, 1500);
  assert.deepEqual([error.requestId, error.receipt], ["request-1", "gw-1:2:ab"]);
  assert.match(error.stack ?? "", /client\.test/);

  const item = KeywayError.fromStatus(status);
  assert.deepEqual([item.code, item.reason, item.requestId], [Code.INVALID_ARGUMENT, "INVALID_REQUEST", undefined]);
});

test("malformed error details are ignored", async () => {
  await using server = await serve(KeyService, {
    encrypt: (_, callback) =>
      callback(failure(grpc.status.INTERNAL, "oops", { "grpc-status-details-bin": Buffer.from([255, 255]) })),
  });
  using client = connect({ address: server.address, plaintext: true });
  const error = await failureOf(client.keys.encrypt({ name: NAME }));
  assert.deepEqual([error.code, error.reason, error.message], [Code.INTERNAL, "", "INTERNAL: oops"]);
});

test("errors of raw stubs are converted", async () => {
  await using server = await serve(KeyService, { encrypt: (_, callback) => callback(failure(5, "no")) });
  using client = connect({ address: server.address, plaintext: true });
  const error = await new Promise((resolve) => client.stubs.keys.encrypt({ name: NAME }, resolve));
  assert.equal(KeywayError.from(error).code, Code.NOT_FOUND);
  assert.equal(KeywayError.from(new Error("other")).code, Code.UNKNOWN);
});

test("the default deadline applies", async () => {
  await using server = await serve(KeyService, { encrypt: never });
  using client = connect({ address: server.address, plaintext: true, defaultDeadlineMs: 50 });
  assert.equal((await failureOf(client.keys.encrypt({ name: NAME }))).code, Code.DEADLINE_EXCEEDED);
  const raw = await new Promise((resolve) => client.stubs.keys.encrypt({ name: NAME }, resolve));
  assert.equal(KeywayError.from(raw).code, Code.DEADLINE_EXCEEDED);
});

test("the deadline of a call overrides the default", async () => {
  await using server = await serve(KeyService, { encrypt: never });
  using client = connect({ address: server.address, plaintext: true });
  const error = await failureOf(client.keys.encrypt({ name: NAME }, { deadlineMs: 50 }));
  assert.equal(error.code, Code.DEADLINE_EXCEEDED);
});

test("a signal cancels a call, and its reason is the cause of the error", async () => {
  const controller = new AbortController();
  const reason = new Error("no longer needed");
  let cancelled = () => {};
  const seen = new Promise<void>((resolve) => {
    cancelled = resolve;
  });
  await using server = await serve(KeyService, {
    encrypt: (call) => {
      call.on("cancelled", cancelled);
      controller.abort(reason);
    },
  });
  using client = connect({ address: server.address, plaintext: true });
  const error = await failureOf(client.keys.encrypt({ name: NAME }, { signal: controller.signal }));
  assert.deepEqual([error.code, error.cause], [Code.CANCELLED, reason]);
  await seen;
  const early = await failureOf(client.keys.encrypt({ name: NAME }, { signal: controller.signal }));
  assert.deepEqual([early.code, early.cause], [Code.CANCELLED, reason]);
});

test("only idempotent calls are retried on UNAVAILABLE", async () => {
  let [safe, unsafe] = [0, 0];
  const unavailable = failure(grpc.status.UNAVAILABLE, "later");
  await using server = await serve(CertificateService, {
    checkCertificate: (_, callback) => {
      safe += 1;
      callback(safe < 3 ? unavailable : null, { exists: true });
    },
    deleteCertificate: (_, callback) => {
      unsafe += 1;
      callback(unavailable);
    },
  });
  const name = "providers/asteria/certificates/server";
  using client = connect({ address: server.address, plaintext: true });
  assert.equal((await client.certificates.checkCertificate({ name })).exists, true);
  assert.equal(safe, 3);
  assert.equal((await failureOf(client.certificates.deleteCertificate({ name }))).code, Code.UNAVAILABLE);
  assert.equal(unsafe, 1);

  safe = 0;
  using once = connect({ address: server.address, plaintext: true, retries: false });
  assert.equal((await failureOf(once.certificates.checkCertificate({ name }))).code, Code.UNAVAILABLE);
  assert.equal(safe, 1);
});

test("a large call is retried", async () => {
  let calls = 0;
  await using server = await serve(KeyService, {
    encrypt: (_, callback) => {
      calls += 1;
      callback(calls === 1 ? failure(grpc.status.UNAVAILABLE, "later") : null, {});
    },
  });
  using client = connect({ address: server.address, plaintext: true });
  await client.keys.encrypt({ name: NAME, plaintext: Buffer.alloc(3_900_000) });
  assert.equal(calls, 2);
});

test("retries match the shared service config", async () => {
  const shared = JSON.parse(await readFile(new URL("../../../service-config.json", import.meta.url), "utf8"));
  const { waitForReady: _, ...policy } = shared.methodConfig[0];
  policy.retryPolicy.retryableStatusCodes = [grpc.status.UNAVAILABLE];
  assert.deepEqual(serviceConfig([AuditService, CertificateService, KeyService, ProviderService], true).methodConfig, [
    policy,
  ]);
});

test("plaintext uses no proxy of the environment", async () => {
  await using server = await serve(KeyService, { encrypt: (_, callback) => callback(null, {}) });
  const { http_proxy: before } = process.env;
  process.env["http_proxy"] = "http://127.0.0.1:9";
  try {
    using client = connect({ address: server.address, plaintext: true, retries: false });
    await client.keys.encrypt({ name: NAME });
  } finally {
    delete process.env["http_proxy"];
    Object.assign(process.env, before === undefined ? {} : { http_proxy: before });
  }
});

test("calls go to all addresses", async () => {
  const served = new Map<string, number>();
  const handler = (which: string) => ({
    encrypt: ((_, callback) => {
      served.set(which, (served.get(which) ?? 0) + 1);
      callback(null, {});
    }) as Handler,
  });
  await using first = await serve(KeyService, handler("first"));
  await using second = await serve(KeyService, handler("second"));
  using client = connect({ addresses: [first.address, second.address], plaintext: true });
  for (let call = 0; call < 200 && served.size < 2; call += 1) {
    await client.keys.encrypt({ name: NAME });
  }
  assert.deepEqual([...served.keys()].sort(), ["first", "second"]);
});

test("lists yield items and request pages when needed", async () => {
  const asked: string[] = [];
  await using server = await serve(CertificateService, {
    listCertificates: ({ request }: { request: { parent: string; pageSize: number; pageToken: string } }, callback) => {
      asked.push(`${request.parent} ${request.pageSize} ${request.pageToken}`);
      const page = Number(request.pageToken || 1);
      const certificates = page === 2 ? [] : [{ name: `c${page}a` }, { name: `c${page}b` }];
      callback(null, { certificates, nextPageToken: page < 3 ? String(page + 1) : "", unreachable: ["providers/x"] });
    },
  });
  using client = connect({ address: server.address, plaintext: true });
  const names: string[] = [];
  for await (const { name } of client.listCertificates({ parent: "providers/-", pageSize: 2 })) {
    names.push(name);
    assert.equal(asked.length, name.startsWith("c1") ? 1 : 3);
  }
  assert.deepEqual(names, ["c1a", "c1b", "c3a", "c3b"]);
  assert.deepEqual(asked, ["providers/- 2 ", "providers/- 2 2", "providers/- 2 3"]);
  for await (const page of pages(client.certificates.listCertificates, { parent: "providers/-" })) {
    assert.deepEqual(page.unreachable, ["providers/x"]);
    break;
  }
  assert.equal(asked.length, 4);
});

test("metadata is sent, and trailers are returned", async () => {
  await using server = await serve(KeyService, {
    encrypt: (call, callback) => {
      const trailers = new grpc.Metadata();
      trailers.set("keyway-request-id", `for ${call.metadata.get("x-request-id")[0]}`);
      callback(null, {}, trailers);
    },
  });
  using client = connect({ address: server.address, plaintext: true });
  let trailers: Trailers | undefined;
  const options = { metadata: { "x-request-id": "order-42" }, onTrailers: (seen: Trailers) => (trailers = seen) };
  await client.keys.encrypt({ name: NAME }, options);
  assert.deepEqual([trailers?.requestId, trailers?.receipt], ["for order-42", undefined]);
});

test("the trace context of the current span is sent, unless it is already set", async () => {
  const seen: unknown[] = [];
  await using server = await serve(KeyService, {
    encrypt: ({ metadata }, callback) => {
      seen.push(metadata.get("traceparent")[0]);
      callback(null, {});
    },
  });
  const spanContext = { traceId: "a".repeat(32), spanId: "b".repeat(16), traceFlags: TraceFlags.SAMPLED };
  const active = trace.setSpanContext(ROOT_CONTEXT, spanContext);
  context.setGlobalContextManager({
    active: () => active,
    with: (_, run, self, ...rest) => run.call(self as never, ...rest),
    bind: (_, target) => target,
    enable() {
      return this;
    },
    disable() {
      return this;
    },
  });
  try {
    using client = connect({ address: server.address, plaintext: true });
    await client.keys.encrypt({ name: NAME });
    await client.keys.encrypt({ name: NAME }, { metadata: { traceparent: "mine" } });
    context.disable();
    await client.keys.encrypt({ name: NAME });
  } finally {
    context.disable();
  }
  assert.deepEqual(seen, [`00-${"a".repeat(32)}-${"b".repeat(16)}-01`, "mine", undefined]);
});

test("unsafe connection options are rejected", () => {
  const refused = (options: Parameters<typeof connect>[0], why: RegExp) => assert.throws(() => connect(options), why);
  refused({ address: "gateway.example.com:443", plaintext: true }, /limited to loopback/);
  refused({ addresses: ["127.0.0.1:1", "10.0.0.1:1"], plaintext: true }, /limited to loopback/);
  refused({ address: "127.evil.example.com:1", plaintext: true }, /limited to loopback/);
  refused({ address: "localhost:1", plaintext: true, token: "t" }, /token/);
  refused({ address: "localhost:1", plaintext: true, tls: {} }, /tls/);
  refused({ address: "a:1", tls: { certificate: "-----BEGIN " } }, /set together/);
  refused({ addresses: ["a:1", "b:1"] }, /IP addresses/);
  refused({ address: "a:1", defaultDeadlineMs: 0 }, /more than 0/);
  refused({ address: "a:1", defaultDeadlineMs: Number.NaN }, /more than 0/);
  refused({}, /No address/);
  refused({ address: "a:1", addresses: ["b:1"] }, /cannot be combined/);
  for (const address of ["localhost:1", "127.0.0.2:1", "[::1]:1", "unix:/run/keyway.sock", "dns:///localhost:1"]) {
    connect({ address, plaintext: true }).close();
  }
  connect({ address: "gateway.example.com:443", plaintext: "anywhere" }).close();
});

async function failureOf(call: Promise<unknown>): Promise<KeywayError> {
  const error = await call.then(
    () => assert.fail("the call succeeded"),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof KeywayError, String(error));
  return error;
}
