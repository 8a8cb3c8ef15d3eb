/** Reader of byte sources with pieces of any size. It buffers no more than requested. */

import { Stream } from "node:stream";

/** Bytes: a Buffer, a stream of Node.js, or an iterable of pieces. */
export type ByteSource = Uint8Array | AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** Reads a source. */
export class ByteReader {
  readonly #pieces: AsyncIterator<Uint8Array> | Iterator<Uint8Array>;
  #held: Uint8Array[] = [];
  #size = 0;
  #ended = false;

  constructor(source: ByteSource) {
    this.#pieces = iteratorOf(source);
  }

  /** The number of available bytes. */
  get size(): number {
    return this.#size;
  }

  /** Waits until `count` bytes are available, or for the end; returns whether they are available. */
  async fill(count: number): Promise<boolean> {
    while (this.#size < count && !this.#ended) {
      const { done, value } = await this.#pieces.next();
      if (done) {
        this.#ended = true;
      } else if (!(value instanceof Uint8Array)) {
        throw new TypeError("A source must yield bytes (Uint8Array, Buffer). A stream with an encoding yields text.");
      } else if (value.length > 0) {
        this.#held.push(value);
        this.#size += value.length;
      }
    }
    return this.#size >= count;
  }

  /** Returns the next `count` available bytes, in their original pieces. */
  take(count: number): Uint8Array[] {
    const taken: Uint8Array[] = [];
    let missing = count;
    let used = 0;
    while (missing > 0) {
      const piece = this.#held[used] as Uint8Array;
      if (piece.length > missing) {
        taken.push(piece.subarray(0, missing));
        this.#held[used] = piece.subarray(missing);
        missing = 0;
      } else {
        taken.push(piece);
        missing -= piece.length;
        used += 1;
      }
    }
    this.#held.splice(0, used);
    this.#size -= count;
    return taken;
  }

  /** Releases the source before its end; a stream is destroyed. */
  async close(): Promise<void> {
    if (!this.#ended) {
      this.#ended = true;
      await this.#pieces.return?.();
    }
  }
}

/** Concatenates pieces. */
export function joined(pieces: readonly Uint8Array[]): Buffer {
  const [first] = pieces;
  if (pieces.length === 1 && first !== undefined) {
    return Buffer.from(first.buffer, first.byteOffset, first.byteLength);
  }
  return Buffer.concat(pieces);
}

function iteratorOf(source: ByteSource): AsyncIterator<Uint8Array> | Iterator<Uint8Array> {
  if (source instanceof Stream) {
    // An unhandled error of the stream would end the program. The reader still receives the error.
    source.on("error", () => {});
  }
  if (source instanceof Uint8Array) {
    return [source].values();
  }
  return Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
}
