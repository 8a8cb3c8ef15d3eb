/** TLS, client certificates and tokens, with certificates from openssl. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { Code, connect, KeywayError, type Token } from "../src/index.js";
import { caller, other, own, serveTls } from "./support/certificates.js";

const NAME = "providers/nhn-keys/keys/orders-key";

async function encrypt(options: Parameters<typeof connect>[0]): Promise<string> {
  using client = connect({ retries: false, ...options });
  return (await client.keys.encrypt({ name: NAME }, { deadlineMs: 10_000 })).ciphertext;
}

test("the CA bundle is a file or PEM, and is verified", async () => {
  await using server = await serveTls();
  const { address } = server;
  assert.equal(await encrypt({ address, tls: { ca: own.certificate } }), "no token");
  assert.equal(await encrypt({ address, tls: { ca: readFileSync(own.certificate, "utf8") } }), "no token");
  assert.equal(await encrypt({ address, tls: { ca: readFileSync(own.certificate) } }), "no token");
  await assert.rejects(encrypt({ address, tls: { ca: other.certificate } }), { codeName: "UNAVAILABLE" });
  await assert.rejects(encrypt({ address }), { codeName: "UNAVAILABLE" });
});

test("serverName replaces the host of the address", async () => {
  await using server = await serveTls(other);
  const tls = { ca: other.certificate };
  await assert.rejects(encrypt({ address: server.address, tls }), { codeName: "UNAVAILABLE" });
  assert.equal(await encrypt({ address: server.address, tls: { ...tls, serverName: "gateway.test" } }), "no token");
});

test("the client certificate is sent", async () => {
  await using server = await serveTls(own, caller.certificate);
  const { address } = server;
  assert.equal(await encrypt({ address, tls: { ca: own.certificate, ...caller } }), "no token");
  await assert.rejects(encrypt({ address, tls: { ca: own.certificate } }), { codeName: "UNAVAILABLE" });
});

test("the token function is called for each call", async () => {
  await using server = await serveTls();
  const { address } = server;
  const tls = { ca: own.certificate };
  assert.equal(await encrypt({ address, tls, token: "fixed" }), "Bearer fixed");
  assert.equal(await encrypt({ address, tls, token: "of-a-file\n" }), "Bearer of-a-file");
  let asked = 0;
  using client = connect({ address, tls, token: async () => `token-${++asked}` });
  for (const expected of ["Bearer token-1", "Bearer token-2"]) {
    assert.equal((await client.keys.encrypt({ name: NAME })).ciphertext, expected);
  }
});

test("a failed or invalid token fails the call and is not printed", async () => {
  await using server = await serveTls();
  const failing: Token[] = ["secret\nvalue", "", () => Promise.reject(new Error("the issuer is down"))];
  for (const token of failing) {
    const error = await encrypt({ address: server.address, tls: { ca: own.certificate }, token }).catch(
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof KeywayError && error.code !== Code.DEADLINE_EXCEEDED, String(error));
    assert.doesNotMatch(`${error.stack} ${JSON.stringify(error)}`, /secret|value/);
  }
});
