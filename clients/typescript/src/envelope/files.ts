/** Buffered reading and atomic creation of files. */
import { randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";

/** 16 segments of the default size. */
const READ_BYTES = 1_048_576;
/** Maximum number of bytes that are written together. */
const WRITE_BYTES = 1_048_576;

/** Yields the content of a file, which is opened on the first read. */
export async function* readPieces(path: string): AsyncGenerator<Buffer, void, undefined> {
  yield* createReadStream(path, { highWaterMark: READ_BYTES });
}

/** Writes `pieces` to a temporary file, and renames it to `target` when it is complete. */
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
