/** Sealing and opening of segments in constant memory. */
import { createCipheriv, createDecipheriv } from "node:crypto";

import { EnvelopeError, type EnvelopeKey, MAX_SEGMENTS, nonceOf, TAG_BYTES } from "./format.js";
import { type ByteReader, joined } from "./source.js";

const ALGORITHM = "aes-256-gcm";
/** A source can be one Buffer of any size. */
const PARTS_AT_ONCE = 32;

/**
 * Yields the sealed segments of `reader` as lists of parts, with as many segments at a time as are available.
 * `count` is called with the plaintext bytes of each segment.
 *
 * The parts are not concatenated, which would double the memory and add a third to the time.
 */
export async function* sealSegments(
  reader: ByteReader,
  envelopeKey: EnvelopeKey,
  segmentSize: number,
  count: (bytes: number) => void = () => {},
): AsyncGenerator<Buffer[], void, undefined> {
  for (let index = 0; ; ) {
    // Wait for one byte more than a segment, because the nonce states whether the segment is the last.
    const last = !(await reader.fill(segmentSize + 1));
    const sealed: Buffer[] = [];
    do {
      if (index === MAX_SEGMENTS) {
        throw new RangeError("The data is too long for one envelope of this segment size.");
      }
      const size = Math.min(segmentSize, reader.size);
      sealSegment(envelopeKey, index, last, reader.take(size), sealed);
      count(size);
      index += 1;
    } while (reader.size > segmentSize && sealed.length < PARTS_AT_ONCE);
    yield sealed;
    if (last) {
      return;
    }
  }
}

/** Yields the plaintext of all segments of `reader`, each after its verification. */
export async function* openSegments(
  reader: ByteReader,
  envelopeKey: EnvelopeKey,
  segmentSize: number,
): AsyncGenerator<Buffer, void, undefined> {
  const sealedSize = segmentSize + TAG_BYTES;
  for (let index = 0; ; index += 1) {
    const last = !(await reader.fill(sealedSize + 1));
    const size = Math.min(sealedSize, reader.size);
    if (size < TAG_BYTES || (size === TAG_BYTES && index > 0) || index === MAX_SEGMENTS) {
      throw new EnvelopeError();
    }
    const plaintext = openSegment(envelopeKey, index, last, joined(reader.take(size)));
    if (plaintext.length > 0) {
      yield plaintext;
    }
    if (last) {
      return;
    }
  }
}

/** Appends the parts of a segment to `sealed`. */
function sealSegment(
  { key, prefix }: EnvelopeKey,
  index: number,
  last: boolean,
  plaintext: readonly Uint8Array[],
  sealed: Buffer[],
): void {
  const cipher = createCipheriv(ALGORITHM, key, nonceOf(prefix, index, last), { authTagLength: TAG_BYTES });
  for (const piece of plaintext) {
    sealed.push(cipher.update(piece));
  }
  cipher.final(); // returns no bytes in this mode
  sealed.push(cipher.getAuthTag());
}

function openSegment({ key, prefix }: EnvelopeKey, index: number, last: boolean, sealed: Buffer): Buffer {
  const end = sealed.length - TAG_BYTES;
  const decipher = createDecipheriv(ALGORITHM, key, nonceOf(prefix, index, last), { authTagLength: TAG_BYTES });
  decipher.setAuthTag(sealed.subarray(end));
  const plaintext = decipher.update(sealed.subarray(0, end));
  try {
    decipher.final();
  } catch {
    plaintext.fill(0);
    throw new EnvelopeError();
  }
  return plaintext;
}
