/** Sealers and openers: data keys, streams, files. The format itself is in `vectors.test.ts`. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdtemp, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { test } from "node:test";

import { create } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";

import { DataKeys } from "../src/envelope/data-keys.js";
import { ErrorInfoSchema } from "../src/gen/google/rpc/error_details_pb.js";
import {
  type Calls,
  Code,
  EnvelopeError,
  type KeyService,
  KeywayError,
  Opener,
  type OpenerOptions,
  Sealer,
  type SealerOptions,
  StatusSchema,
} from "../src/index.js";

const NAME = "providers/nhn-keys/keys/orders-key";

/** A gateway for envelopes. */
class Keys {
  generated = 0;
  decrypted = 0;
  readonly #known = new Map<string, Buffer>();

  generateDataKey = async () => {
    this.generated += 1;
    const plaintext = randomBytes(32);
    this.#known.set(`key ${this.generated}`, Buffer.from(plaintext));
    return { plaintext, ciphertext: `key ${this.generated}` };
  };

  decrypt = async ({ name, ciphertext }: { name: string; ciphertext: string }) => {
    this.decrypted += 1;
    const plaintext = this.#known.get(ciphertext);
    if (name !== NAME || plaintext === undefined) {
      throw fails(Code.INVALID_ARGUMENT, "INVALID_USER_DATA");
    }
    return { plaintext: Buffer.from(plaintext) };
  };

  sealer = (options?: SealerOptions) => new Sealer(this.#calls, NAME, options);
  opener = (options?: OpenerOptions) => new Opener(this.#calls, options);

  get #calls() {
    return this as unknown as Calls<typeof KeyService>;
  }
}

function fails(code: Code, reason: string, domain = "keyway"): KeywayError {
  const info = create(ErrorInfoSchema, { reason, domain });
  return KeywayError.fromStatus(create(StatusSchema, { code, details: [anyPack(ErrorInfoSchema, info)] }));
}

test("sealed data is opened only with the same associated data", async () => {
  const keys = new Keys();
  const envelope = await keys.sealer().seal("the order", { associatedData: "order 42" });
  assert.equal(
    (await keys.opener().open(envelope, { associatedData: Buffer.from("order 42") })).toString(),
    "the order",
  );
  await assert.rejects(keys.opener().open(envelope, { associatedData: "order 43" }), EnvelopeError);
  await assert.rejects(keys.opener().open(envelope), EnvelopeError);
});

test("modified and truncated envelopes are rejected", async () => {
  const keys = new Keys();
  const envelope = await keys.sealer({ segmentSize: 4096 }).seal(randomBytes(4096 + 100));
  const header = envelope.length - 4196 - 32;
  const places = [...Array(header).keys(), header + 5, header + 4096 + 3, header + 4112 + 7, envelope.length - 1];
  for (const place of places) {
    const changed = Buffer.from(envelope);
    changed[place] = (changed[place] as number) ^ 0x80;
    await assert.rejects(keys.opener().open(changed), EnvelopeError, `byte ${place}`);
  }
  for (const length of [0, 3, header - 1, header, header + 1, header + 4112, envelope.length - 1]) {
    await assert.rejects(keys.opener().open(envelope.subarray(0, length)), EnvelopeError, `${length} bytes`);
  }
  await assert.rejects(keys.opener().open(Buffer.concat([envelope, Buffer.alloc(1)])), EnvelopeError);
});

test("an unexpected key is rejected without a call", async () => {
  const keys = new Keys();
  const envelope = await keys.sealer().seal("x");
  await assert.rejects(keys.opener({ keyNames: ["providers/nhn-keys/keys/other"] }).open(envelope), EnvelopeError);
  assert.equal(keys.decrypted, 0);
  assert.equal((await keys.opener({ keyNames: [NAME] }).open(envelope)).toString(), "x");
});

test("only errors about the envelope are envelope errors", async () => {
  const keys = new Keys();
  const envelope = await keys.sealer().seal("x");
  for (const [code, reason, refused, domain] of [
    [Code.INVALID_ARGUMENT, "INVALID_USER_DATA", true],
    [Code.NOT_FOUND, "KEY_NOT_FOUND", true],
    [Code.UNIMPLEMENTED, "METHOD_NOT_SUPPORTED_BY_PROVIDER", true],
    [Code.FAILED_PRECONDITION, "PLAINTEXT_NOT_BASE64", true],
    [Code.FAILED_PRECONDITION, "KEY_NOT_ACTIVE", false],
    [Code.PERMISSION_DENIED, "PERMISSION_DENIED", false],
    [Code.UNAUTHENTICATED, "UNAUTHENTICATED", false],
    [Code.UNAVAILABLE, "PROVIDER_UNREACHABLE", false],
    [Code.DEADLINE_EXCEEDED, "PROVIDER_TIMEOUT", false],
    [Code.NOT_FOUND, "ROUTE_NOT_FOUND", false, "proxy.example"],
    [Code.UNIMPLEMENTED, "", false],
  ] as const) {
    keys.decrypt = async () => {
      throw fails(code, reason, domain);
    };
    await assert.rejects(keys.opener().open(envelope), refused ? EnvelopeError : KeywayError, `${code} ${reason}`);
  }
});

test("a data key is replaced at its bounds, and wiped", async () => {
  let now = 0;
  const made: Buffer[] = [];
  const generate = async () => {
    const plaintext = randomBytes(32);
    made.push(plaintext);
    return { plaintext, ciphertext: `key ${made.length}` } as never;
  };
  const keys = new DataKeys(generate, NAME, { maxEnvelopes: 2, maxBytes: 1000, maxAgeMs: 60 }, () => now);
  const use = (bytes = 1) =>
    keys.withKey((key) => {
      key.bytes += bytes;
      return key.encrypted;
    });
  assert.deepEqual(await Promise.all([use(), use(), use(), use(), use()]), [
    "key 1",
    "key 1",
    "key 2",
    "key 2",
    "key 3",
  ]);
  assert.ok(made[0]?.equals(Buffer.alloc(32)) && made[1]?.equals(Buffer.alloc(32)));
  assert.equal(await use(1000), "key 3");
  assert.equal(await use(1000), "key 4");
  assert.equal(await use(), "key 5");
  now = 59;
  assert.equal(await use(), "key 5");
  assert.equal(await use(), "key 6");
  now = 59 + 60;
  assert.equal(await use(), "key 7");
  keys.wipe();
  assert.ok(made.every((key) => key.equals(Buffer.alloc(32))));
});

test("the plaintext bytes of an envelope count toward the bounds", async () => {
  const keys = new Keys();
  const sealer = keys.sealer({ maxBytes: 10, segmentSize: 4096 });
  const generated: number[] = [];
  for (const size of [9, 1, 5000, 1]) {
    await sealer.seal(Buffer.alloc(size));
    generated.push(keys.generated);
  }
  assert.deepEqual(generated, [1, 1, 2, 3]);
});

test("the age of a data key counts from the request, and a new key is used at least once", async () => {
  let now = 0;
  let made = 0;
  const generate = async () => {
    now += 100;
    made += 1;
    return { plaintext: randomBytes(32), ciphertext: `key ${made}` } as never;
  };
  const keys = new DataKeys(generate, NAME, { maxAgeMs: 60 }, () => now);
  assert.equal(await keys.withKey((key) => key.encrypted), "key 1");
  assert.equal(await keys.withKey((key) => key.encrypted), "key 2");
});

test("an aborted wait does not cancel the shared request, and a failed request is retried", async () => {
  let release: (failure?: Error) => void = () => {};
  const generate = () =>
    new Promise((resolve, reject) => {
      release = (failure) => (failure ? reject(failure) : resolve({ plaintext: randomBytes(32), ciphertext: "key" }));
    }) as never;
  const keys = new DataKeys(generate, NAME, {});
  const controller = new AbortController();
  const impatient = keys.withKey((key) => key.encrypted, controller.signal);
  const patient = keys.withKey((key) => key.encrypted);
  controller.abort();
  await assert.rejects(impatient, { codeName: "CANCELLED" });
  release(new Error("down"));
  await assert.rejects(patient, /down/);
  const again = keys.withKey((key) => key.encrypted);
  release();
  assert.equal(await again, "key");
});

test("generators and transforms accept pieces of any size", async () => {
  const keys = new Keys();
  const data = randomBytes(300_000);
  const envelope = await buffer(Readable.from(cut(data, 777)).compose(keys.sealer().sealTransform()));
  const opened = await buffer(keys.opener().openStream(Readable.from(cut(envelope, 100_001))));
  assert.ok(opened.equals(data));
  const piped = await buffer(Readable.from(cut(envelope, 13)).compose(keys.opener().openTransform()));
  assert.ok(piped.equals(data));
});

test("sources are read lazily", async () => {
  const keys = new Keys();
  let given = 0;
  const source = (function* () {
    for (; given < 1000; given += 1) {
      yield Buffer.alloc(65_536, given);
    }
  })();
  const sealed = keys.sealer().sealStream(source);
  assert.equal(given, 0);
  await sealed.next();
  assert.equal(given, 0);
  await sealed.next();
  assert.ok(given <= 2, `${given} pieces`);
  await sealed.return();
  assert.equal(source.next().done, true);
});

test("a failed or aborted stream fails the sealing and is released", async () => {
  const keys = new Keys();
  const broken = (async function* () {
    yield Buffer.alloc(100_000);
    throw new Error("the disk is gone");
  })();
  await assert.rejects(buffer(keys.sealer().sealStream(broken)), /the disk is gone/);
  const endless = Readable.from(
    (function* () {
      for (;;) {
        yield Buffer.alloc(65_536);
      }
    })(),
  );
  const signal = AbortSignal.timeout(20);
  const consume = async () => {
    for await (const _ of keys.sealer().sealStream(endless, { signal })) {
      await new Promise(setImmediate);
    }
  };
  await assert.rejects(consume(), { name: "TimeoutError" });
  assert.equal(endless.destroyed, true);
});

test("a stream that fails before its first read fails the sealing only", async () => {
  const keys = new Keys();
  const missing = createReadStream("/nothing/is/here");
  const sealed = keys.sealer().sealStream(missing);
  await new Promise<void>((resolve) => missing.once("close", resolve));
  await assert.rejects(buffer(sealed), { code: "ENOENT" });
});

test("text in a stream is rejected", async () => {
  const keys = new Keys();
  await assert.rejects(buffer(keys.sealer().sealStream(Readable.from(["text"]))), TypeError);
});

test("only complete files are created", async () => {
  await using folder = await temporaryFolder();
  const [plain, sealed, opened] = ["plain", "sealed", "opened"].map((name) => join(folder.path, name)) as [
    string,
    string,
    string,
  ];
  const keys = new Keys();
  const data = randomBytes(3_000_000);
  await writeFile(plain, data);
  await keys.sealer().sealFile(plain, sealed, { associatedData: "f" });
  await keys.opener().openFile(sealed, opened, { associatedData: "f" });
  assert.ok((await readFile(opened)).equals(data));
  await rm(opened);

  const file = await open(sealed, "r+");
  await file.truncate((await file.stat()).size - 1);
  await file.close();
  await assert.rejects(keys.opener().openFile(sealed, opened, { associatedData: "f" }), EnvelopeError);
  await assert.rejects(keys.sealer().sealFile(join(folder.path, "nothing"), opened), { code: "ENOENT" });
  assert.deepEqual((await readdir(folder.path)).sort(), ["plain", "sealed"]);
});

test("memory use is independent of the size", async () => {
  const keys = new Keys();
  const total = 256 * 2 ** 20;
  const piece = randomBytes(2 ** 20);
  const source = function* () {
    for (let given = 0; given < total; given += piece.length) {
      yield piece;
    }
  };
  let most = 0;
  let opened = 0;
  const before = process.memoryUsage().rss;
  for await (const plaintext of keys.opener().openStream(keys.sealer().sealStream(source()))) {
    opened += plaintext.length;
    most = Math.max(most, opened % 2 ** 22 < plaintext.length ? process.memoryUsage.rss() - before : 0);
  }
  assert.equal(opened, total);
  assert.ok(most < 150 * 2 ** 20, `${Math.round(most / 2 ** 20)} MiB more`);
});

test("pipeline seals and opens a file", async () => {
  await using folder = await temporaryFolder();
  const [plain, sealed] = [join(folder.path, "plain"), join(folder.path, "sealed")];
  const keys = new Keys();
  await writeFile(plain, randomBytes(500_000));
  await pipeline(createReadStream(plain), keys.sealer().sealTransform(), createWriteStream(sealed));
  const hash = createHash("sha256");
  await pipeline(createReadStream(sealed), keys.opener().openTransform(), hash);
  assert.equal(
    hash.digest("hex"),
    createHash("sha256")
      .update(await readFile(plain))
      .digest("hex"),
  );

  const opened = join(folder.path, "opened");
  const wrong = keys.opener().openTransform({ associatedData: "other" });
  await assert.rejects(pipeline(createReadStream(sealed), wrong, createWriteStream(opened)), EnvelopeError);
  assert.equal((await readFile(opened)).length, 0);
});

function* cut(bytes: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) {
    yield bytes.subarray(at, Math.min(at + size, bytes.length));
  }
}

async function temporaryFolder() {
  const path = await mkdtemp(join(tmpdir(), "keyway-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}
