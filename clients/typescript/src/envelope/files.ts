/** Files: read in large pieces, and written so that they are whole or not there. */
import { randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";

/** 16 segments of the default size. */
const READ_BYTES = 1_048_576;
/** Pieces that come while others are written are written together, up to so many bytes. */
const WRITE_BYTES = 1_048_576;

/** What is in the file, which is opened when the first piece is asked for. */
export async function* readPieces(path: string): AsyncGenerator<Buffer, void, undefined> {
  yield* createReadStream(path, { highWaterMark: READ_BYTES });
}

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
