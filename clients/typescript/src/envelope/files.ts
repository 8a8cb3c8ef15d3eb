/** Files that are whole or not there. */
import { randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";

/** Writes `pieces` into `target` by way of a file beside it, which becomes `target` when all is on the disk. */
export async function writeWhole(target: string, pieces: AsyncIterable<Uint8Array>, mode = 0o666): Promise<void> {
  const unfinished = `${target}.${randomUUID()}.unfinished`;
  try {
    const file = await open(unfinished, "wx", mode);
    await pipeline(pieces, createWriteStream(unfinished, { fd: file, flush: true }));
    await rename(unfinished, target);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
}
