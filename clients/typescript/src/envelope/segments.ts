/** Segments: plaintext in, segments out, and back. One segment is held at a time, whatever the envelope's size. */
import { createCipheriv, createDecipheriv } from "node:crypto";

import { EnvelopeError, type EnvelopeKey, MAX_SEGMENTS, nonceOf, TAG_BYTES } from "./format.js";
import { type ByteReader, joined } from "./source.js";

const ALGORITHM = "aes-256-gcm";

/** The segments of all that `reader` has, one by one. */
export async function* sealSegments(
  reader: ByteReader,
  envelopeKey: EnvelopeKey,
  segmentSize: number,
): AsyncGenerator<Buffer, void, undefined> {
  for (let index = 0; ; index += 1) {
    if (index === MAX_SEGMENTS) {
      throw new RangeError("The data is too long for one envelope of this segment size.");
    }
    // One byte more than a segment: whether a segment is the last goes into its nonce.
    const last = !(await reader.fill(segmentSize + 1));
    yield sealSegment(envelopeKey, index, last, reader.take(Math.min(segmentSize, reader.size)));
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

function sealSegment({ key, prefix }: EnvelopeKey, index: number, last: boolean, plaintext: Uint8Array[]): Buffer {
  const cipher = createCipheriv(ALGORITHM, key, nonceOf(prefix, index, last), { authTagLength: TAG_BYTES });
  const sealed = plaintext.map((piece) => cipher.update(piece));
  sealed.push(cipher.final(), cipher.getAuthTag());
  return Buffer.concat(sealed);
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
