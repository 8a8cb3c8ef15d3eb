/** Problems of connections: the first failed call, over real sockets. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";

import { create, toBinary } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import * as grpc from "@grpc/grpc-js";

import { ErrorInfoSchema } from "../src/gen/google/rpc/error_details_pb.js";
import { connect, KeyService, KeywayError, PROBLEMS, ProviderService, StatusSchema } from "../src/index.js";
import { other, own, serveTls } from "./support/certificates.js";
import { failure, type Handler, serve } from "./support/server.js";

type Options = Parameters<typeof connect>[0];

const NAME = "providers/nhn-keys/keys/orders-key";
const answer: Handler = (_, callback) => callback(null, {});

async function failureOf(options: Options): Promise<KeywayError> {
  using client = connect(options);
  return await caught(client.keys.encrypt({ name: NAME }));
}

async function caught(call: Promise<unknown>): Promise<KeywayError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof KeywayError, String(error));
  return error;
}

/** Returns an address on which nothing listens. */
async function unused(): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  server.close();
  await once(server, "close");
  return `127.0.0.1:${address.port}`;
}

test("a broken connection has its sentence", async () => {
  await using plain = await serve(KeyService, { encrypt: answer });
  await using secure = await serveTls();
  await using mutual = await serveTls(own, own.certificate);
  const tls = { ca: own.certificate };
  const broken: [keyof typeof PROBLEMS, Options][] = [
    ["REFUSED", { address: "unix:/nowhere/keyway.sock", plaintext: true }],
    ["TLS_REQUIRED", { address: secure.address, plaintext: true }],
    ["PLAINTEXT_REQUIRED", { address: plain.address.replace("127.0.0.1", "localhost"), tls }],
    ["UNTRUSTED", { address: secure.address, tls: { ca: other.certificate } }],
    ["HOST_NAME", { address: secure.address, tls: { ...tls, serverName: "gateway.test" } }],
    ["CLIENT_CERTIFICATE_MISSING", { address: mutual.address, tls }],
    ["CLIENT_CERTIFICATE_REJECTED", { address: mutual.address, tls: { ...tls, ...other } }],
    ["UNRESOLVED", { address: "gateway.invalid:443", tls }],
  ];
  for (const [problem, options] of broken) {
    const error = await failureOf({ ...options, retries: false });
    assert.equal(error.problem, problem, `${error.rawMessage}: ${error.cause}`);
    assert.equal(error.message, `UNAVAILABLE: ${PROBLEMS[problem]}`);
    assert.equal(error.rawMessage, PROBLEMS[problem]);
    assert.ok(error.stack?.startsWith(`KeywayError: ${error.message}\n`));
    assert.equal((error.cause as grpc.ServiceError).code, grpc.status.UNAVAILABLE);
  }
});

test("a refused loopback port fails at once", async () => {
  const address = await unused();
  const targets: Options[] = [{ address }, { addresses: [address, address] }, { address: `dns:${address}` }];
  for (const target of targets) {
    for (const security of [{ plaintext: true }, { tls: { ca: own.certificate } }]) {
      const began = performance.now();
      const error = await failureOf({ ...target, ...security });
      assert.deepEqual([error.problem, error.message], ["REFUSED", `UNAVAILABLE: ${PROBLEMS.REFUSED}`]);
      assert.ok(performance.now() - began < 500);
      assert.match(error.stack ?? "", /problems\.test/);
    }
  }
});

test("a call that waits for the gateway does not fail at once", async () => {
  using client = connect({ address: await unused(), plaintext: true });
  const metadata = new grpc.Metadata({ waitForReady: true });
  const error = await caught(client.keys.encrypt({ name: NAME }, { metadata, deadlineMs: 500 }));
  assert.deepEqual([error.codeName, error.problem], ["DEADLINE_EXCEEDED", undefined]);
});

test("an address with an impossible port is an error of the call", async () => {
  const error = await failureOf({
    address: "localhost:99999",
    plaintext: true,
    retries: false,
    defaultDeadlineMs: 2000,
  });
  assert.ok(["UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL"].includes(error.codeName), error.message);
});

test("a call can be canceled while the client looks for a listener", async () => {
  await using server = await serve(KeyService, { encrypt: answer });
  for (const address of [await unused(), server.address]) {
    using client = connect({ address, plaintext: true });
    const controller = new AbortController();
    const call = caught(client.keys.encrypt({ name: NAME }, { signal: controller.signal }));
    controller.abort();
    assert.equal((await call).codeName, "CANCELLED");
  }
});

test("the client of a stopped gateway retries", async () => {
  const server = await serve(ProviderService, { listProviders: answer });
  using client = connect({ address: server.address, plaintext: true });
  await client.providers.listProviders({});
  await server[Symbol.asyncDispose]();
  const error = await caught(client.providers.listProviders({}));
  assert.equal(error.problem, "REFUSED");
  assert.equal((error.cause as grpc.ServiceError).code, grpc.status.UNAVAILABLE);
});

test("a closed connection is no problem of the settings after a successful call", async () => {
  const server = await serve(KeyService, { encrypt: answer });
  using client = connect({ address: server.address, plaintext: true, retries: false });
  await client.keys.encrypt({ name: NAME });
  await server[Symbol.asyncDispose]();
  const closing = createServer((socket) => socket.destroy()).listen(Number(server.address.split(":")[1]), "127.0.0.1");
  await once(closing, "listening");
  try {
    let error: KeywayError;
    do {
      // The first calls can still use the old connection.
      error = await caught(client.keys.encrypt({ name: NAME }));
      assert.deepEqual([error.codeName, error.problem], ["UNAVAILABLE", undefined]);
    } while (!/Failed to connect|ECONNRESET/.test(error.message));
  } finally {
    closing.close();
  }
});

test("the error of a proxy is not replaced", async () => {
  const text = "upstream connect error: delayed connect error: ECONNREFUSED, Failed to connect";
  await using server = await serve(KeyService, {
    encrypt: (_, callback) => callback(failure(grpc.status.UNAVAILABLE, text, { server: "proxy" })),
  });
  const error = await failureOf({ address: server.address, plaintext: true, retries: false });
  assert.deepEqual([error.problem, error.rawMessage], [undefined, text]);
});

test("a rejection by the gateway states the fix", async () => {
  const rejections = [
    [grpc.status.UNAUTHENTICATED, "UNAUTHENTICATED", "the bearer token has expired", "TOKEN_EXPIRED"],
    [grpc.status.UNAVAILABLE, "SERVER_DRAINING", "shutting down", "DRAINING"],
    [grpc.status.NOT_FOUND, "KEY_NOT_FOUND", "no such key", undefined],
  ] as const;
  const fixes = ["request a new token, or correct the clock", "retry later, or use another gateway"];
  for (const [index, [code, reason, message, problem]] of rejections.entries()) {
    const info = create(ErrorInfoSchema, { reason, domain: "keyway" });
    const status = create(StatusSchema, { code, message, details: [anyPack(ErrorInfoSchema, info)] });
    const details = Buffer.from(toBinary(StatusSchema, status));
    await using server = await serve(KeyService, {
      encrypt: (_, callback) => callback(failure(code, message, { "grpc-status-details-bin": details })),
    });
    const error = await failureOf({ address: server.address, plaintext: true, retries: false });
    assert.deepEqual([error.problem, error.rawMessage], [problem, message]);
    const fix = fixes[index] === undefined ? "" : `: ${fixes[index]}`;
    assert.ok(error.message.endsWith(`: ${message}${fix}`), error.message);
  }
});
