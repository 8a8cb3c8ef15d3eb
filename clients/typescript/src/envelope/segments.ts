/** Segments: plaintext in, segments out, and back. About a mebibyte is held at a time, whatever the size. */
import { createCipheriv, createDecipheriv } from "node:crypto";

import { EnvelopeError, type EnvelopeKey, MAX_SEGMENT_SIZE, MAX_SEGMENTS, nonceOf, TAG_BYTES } from "./format.js";
import { type ByteReader, joined } from "./source.js";

const ALGORITHM = "aes-256-gcm";
/** Bytes of plaintext that are sealed without a pause; the largest segment. */
const MOST_AT_ONCE = MAX_SEGMENT_SIZE;

/** The segments of all that `reader` has, as many at once as are there: few large pieces cost less than many. */
export async function* sealSegments(
  reader: ByteReader,
  envelopeKey: EnvelopeKey,
  segmentSize: number,
): AsyncGenerator<Buffer, void, undefined> {
  for (let index = 0; ; ) {
    // One byte more than a segment: whether a segment is the last goes into its nonce.
    const last = !(await reader.fill(segmentSize + 1));
    const count = last ? 1 : Math.floor((Math.min(reader.size, MOST_AT_ONCE + 1) - 1) / segmentSize);
    if (index + count > MAX_SEGMENTS) {
      throw new RangeError("The data is too long for one envelope of this segment size.");
    }
    const sealed = Buffer.allocUnsafe(Math.min(reader.size, count * segmentSize) + count * TAG_BYTES);
    for (let at = 0; at < sealed.length; index += 1) {
      const plaintext = reader.take(Math.min(segmentSize, reader.size));
      at = sealSegment(envelopeKey, index, last, plaintext, sealed, at);
    }
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

/** Writes a segment into `target` at `at`, and gives where it ends. */
function sealSegment(
  { key, prefix }: EnvelopeKey,
  index: number,
  last: boolean,
  plaintext: readonly Uint8Array[],
  target: Buffer,
  at: number,
): number {
  const cipher = createCipheriv(ALGORITHM, key, nonceOf(prefix, index, last), { authTagLength: TAG_BYTES });
  let end = at;
  for (const piece of plaintext) {
    const sealed = cipher.update(piece);
    target.set(sealed, end);
    end += sealed.length;
  }
  cipher.final();
  target.set(cipher.getAuthTag(), end);
  return end + TAG_BYTES;
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
