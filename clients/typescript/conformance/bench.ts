/** Benchmark of sealing: speed compared with AES-256-GCM of node:crypto alone, and memory use. */
import { createCipheriv, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";

import type { Sealer } from "@keyway/client";

/** The result; rates are in bytes per second. */
export interface Measured {
  readonly bytes: number;
  readonly seal: number;
  readonly raw: number;
  readonly ratio: number;
  readonly peak_rss: number;
}

const READ_BYTES = 1_048_576;
const ROUNDS = 5;

/** Returns the best of several rounds of each; the first round loads the file into the page cache. */
export async function benchSeal(file: string, sealer: Sealer): Promise<Measured> {
  let [bytes, seal, raw] = [0, 0, 0];
  for (let round = 0; round < ROUNDS; round += 1) {
    const [alone, size] = await timed(rawStream(file));
    const [sealed] = await timed(sealer.sealStream(read(file)));
    bytes = size;
    raw = Math.max(raw, size / alone);
    seal = Math.max(seal, size / sealed);
  }
  const ratio = Math.round((seal / raw) * 100) / 100;
  const peak_rss = process.resourceUsage().maxRSS * 1024;
  return { bytes, seal: Math.round(seal), raw: Math.round(raw), ratio, peak_rss };
}

function read(file: string) {
  return createReadStream(file, { highWaterMark: READ_BYTES });
}

async function* rawStream(file: string): AsyncGenerator<Buffer> {
  const cipher = createCipheriv("aes-256-gcm", randomBytes(32), randomBytes(12));
  for await (const chunk of read(file)) {
    yield cipher.update(chunk as Buffer);
  }
  yield cipher.final();
}

async function timed(pieces: AsyncIterable<Uint8Array>): Promise<[seconds: number, bytes: number]> {
  let bytes = 0;
  const start = performance.now();
  for await (const piece of pieces) {
    bytes += piece.length;
  }
  return [(performance.now() - start) / 1000, bytes];
}
