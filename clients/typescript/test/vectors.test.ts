/** The golden vectors, which all clients share. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { beginEnvelope } from "../src/envelope/sealer.js";
import { sealSegments } from "../src/envelope/segments.js";
import { ByteReader } from "../src/envelope/source.js";
import type { Calls } from "../src/index.js";
import { EnvelopeError, type KeyService, Opener } from "../src/index.js";

interface Vector {
  name: string;
  data_key: string;
  salt: string;
  segment_size: number;
  key_name: string;
  encrypted_data_key: string;
  associated_data: string;
  plaintext: string;
  envelope: string;
}
type Refused = Pick<Vector, "name" | "data_key" | "associated_data" | "envelope">;

// From dist/test.
const folder = join(import.meta.dirname, "../../../../tests/clients/vectors");
const read = (file: string) => JSON.parse(readFileSync(join(folder, file), "utf8")) as unknown;
const files = readdirSync(folder).filter((file) => file.endsWith(".json") && file !== "refused.json");
const vectors = files.map((file) => read(file) as Vector);
const refused = read("refused.json") as Refused[];
const hex = (text: string) => Buffer.from(text, "hex");

function openerWith(dataKey: Buffer): Opener {
  const decrypt = async () => ({ plaintext: Buffer.from(dataKey) });
  return new Opener({ decrypt } as unknown as Calls<typeof KeyService>);
}

test("vectors exist", () => {
  assert.ok(vectors.length >= 10 && refused.length >= 10);
});

for (const vector of vectors) {
  test(`seals ${vector.name} to the vector`, async () => {
    const dataKey = { plaintext: hex(vector.data_key), encrypted: vector.encrypted_data_key };
    const associated = hex(vector.associated_data);
    const { header, envelopeKey } = beginEnvelope(
      dataKey,
      hex(vector.salt),
      vector.key_name,
      vector.segment_size,
      associated,
    );
    const pieces = [header];
    for await (const parts of sealSegments(new ByteReader(hex(vector.plaintext)), envelopeKey, vector.segment_size)) {
      pieces.push(...parts);
    }
    assert.equal(Buffer.concat(pieces).toString("hex"), vector.envelope);
  });

  for (const size of [1, 13, 4096, Number.POSITIVE_INFINITY]) {
    test(`opens ${vector.name} in pieces of ${size}`, async () => {
      const envelope = hex(vector.envelope);
      if (size === 1 && envelope.length > 100_000) {
        return;
      }
      const opened: Buffer[] = [];
      for await (const piece of openerWith(hex(vector.data_key)).openStream(cut(envelope, size), {
        associatedData: hex(vector.associated_data),
      })) {
        opened.push(piece);
      }
      assert.equal(Buffer.concat(opened).toString("hex"), vector.plaintext);
    });
  }
}

for (const vector of refused) {
  test(`rejects ${vector.name}`, async () => {
    await assert.rejects(
      openerWith(hex(vector.data_key)).open(hex(vector.envelope), { associatedData: hex(vector.associated_data) }),
      EnvelopeError,
    );
  });
}

function* cut(bytes: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) {
    yield bytes.subarray(at, Math.min(at + size, bytes.length));
  }
}
