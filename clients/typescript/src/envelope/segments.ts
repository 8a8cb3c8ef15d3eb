/** Segments: plaintext in, segments out, and back. Some segments are held at a time, whatever the envelope's size. */
import { createCipheriv, createDecipheriv } from "node:crypto";

import { EnvelopeError, type EnvelopeKey, MAX_SEGMENTS, nonceOf, TAG_BYTES } from "./format.js";
import { type ByteReader, joined } from "./source.js";

const ALGORITHM = "aes-256-gcm";
/** A source may be one Buffer of any size. */
const PARTS_AT_ONCE = 32;

/**
 * The segments of all that `reader` has: lists of their parts in order, as many segments at once as are there.
 * `count` is told of each segment's plaintext bytes.
 *
 * Parts are not put together: that would cost as much memory and a third of the time on top of the encryption.
 */
export async function* sealSegments(
  reader: ByteReader,
  envelopeKey: EnvelopeKey,
  segmentSize: number,
  count: (bytes: number) => void = () => {},
): AsyncGenerator<Buffer[], void, undefined> {
  for (let index = 0; ; ) {
    // One byte more than a segment: whether a segment is the last goes into its nonce.
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

/** The plaintext of all segments that `reader` has, each after it has verified. */
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

/** Adds a segment's parts to `sealed`. */
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
  cipher.final(); // in this mode it has no bytes left
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
