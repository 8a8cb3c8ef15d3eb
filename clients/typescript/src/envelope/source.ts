/** Bytes that come in pieces of any size, taken in pieces that the reader wants. Never holds more than asked for. */

import { Stream } from "node:stream";

/** Bytes, at once or in pieces: a Buffer, a stream of Node.js, a generator. */
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

  /** How many bytes can be taken now. */
  get size(): number {
    return this.#size;
  }

  /** Whether `count` bytes can be taken. Waits for them, or for the end. */
  async fill(count: number): Promise<boolean> {
    while (this.#size < count && !this.#ended) {
      const { done, value } = await this.#pieces.next();
      if (done) {
        this.#ended = true;
      } else if (!(value instanceof Uint8Array)) {
        throw new TypeError("A source has to give bytes (Uint8Array, Buffer): a stream with an encoding gives text.");
      } else if (value.length > 0) {
        this.#held.push(value);
        this.#size += value.length;
      }
    }
    return this.#size >= count;
  }

  /** The next `count` bytes, all of which are there, in the pieces that they came in. */
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

  /** Lets go of the source, whose end was not reached: a stream is destroyed. */
  async close(): Promise<void> {
    if (!this.#ended) {
      this.#ended = true;
      await this.#pieces.return?.();
    }
  }
}

/** The pieces as one. */
export function joined(pieces: readonly Uint8Array[]): Buffer {
  const [first] = pieces;
  if (pieces.length === 1 && first !== undefined) {
    return Buffer.from(first.buffer, first.byteOffset, first.byteLength);
  }
  return Buffer.concat(pieces);
}

function iteratorOf(source: ByteSource): AsyncIterator<Uint8Array> | Iterator<Uint8Array> {
  if (source instanceof Stream) {
    // A stream that fails before it is read would end the program; whoever reads it gets the error all the same.
    source.on("error", () => {});
  }
  if (source instanceof Uint8Array) {
    return [source].values();
  }
  return Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
}
