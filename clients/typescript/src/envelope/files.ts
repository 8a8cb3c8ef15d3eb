/** Files that are whole or not there. */
import { randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";

/** Pieces that come while others are written are written together, up to so many bytes. */
const WRITE_BYTES = 1_048_576;

/** Writes `pieces` into `target` by way of a file beside it, which becomes `target` when all is on the disk. */
export async function writeWhole(target: string, pieces: AsyncIterable<Uint8Array>, mode = 0o666): Promise<void> {
  const unfinished = `${target}.${randomUUID()}.unfinished`;
  try {
    const file = await open(unfinished, "wx", mode);
    await pipeline(pieces, createWriteStream(unfinished, { fd: file, flush: true, highWaterMark: WRITE_BYTES }));
    await rename(unfinished, target);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
}
