/**
 * Header, keys and nonces of the envelope format, version 1 (`docs/envelope-format.md`).
 */
import { createHash, createSecretKey, hkdfSync, type KeyObject } from "node:crypto";

const MAGIC = Buffer.from("KWE1", "ascii");
const INFO = Buffer.from("keyway.dev/envelope/v1", "ascii");
const KEY_BYTES = 32;
const PREFIX_BYTES = 7;
const MAX_NAME_BYTES = 4096;
const MAX_DATA_KEY_BYTES = 65_535;

export const DATA_KEY_BYTES = 32;
export const SALT_BYTES = 32;
export const TAG_BYTES = 16;
export const MAX_SEGMENTS = 2 ** 32;
export const MIN_SEGMENT_SIZE = 4096;
export const DEFAULT_SEGMENT_SIZE = 65_536;
export const MAX_SEGMENT_SIZE = 1_048_576;

/** An envelope cannot be opened. The error does not state the cause, which gives an attacker no information. */
export class EnvelopeError extends Error {
  override readonly name = "EnvelopeError";

  constructor() {
    super("The envelope cannot be opened: it was changed or truncated, or the key or the associated data differ.");
  }
}

/** The header of an envelope. */
export interface Header {
  readonly segmentSize: number;
  readonly keyName: string;
  /** The encrypted data key from `GenerateDataKey`. */
  readonly encryptedDataKey: string;
  readonly salt: Uint8Array;
}

/** The key material of one envelope. */
export interface EnvelopeKey {
  readonly key: KeyObject;
  readonly prefix: Uint8Array;
}

/** Encodes a header. */
export function encodeHeader({ segmentSize, keyName, encryptedDataKey, salt }: Header): Buffer {
  if (!isSegmentSize(segmentSize)) {
    throw new RangeError(
      `The segment size must be ${MIN_SEGMENT_SIZE} to ${MAX_SEGMENT_SIZE} bytes, not ${segmentSize}.`,
    );
  }
  if (salt.length !== SALT_BYTES) {
    throw new RangeError(`The salt must have ${SALT_BYTES} bytes, not ${salt.length}.`);
  }
  const size = Buffer.alloc(4);
  size.writeUInt32BE(segmentSize);
  return Buffer.concat([
    MAGIC,
    size,
    encodeText(keyName, MAX_NAME_BYTES, "A key's name"),
    encodeText(encryptedDataKey, MAX_DATA_KEY_BYTES, "An encrypted data key"),
    salt,
  ]);
}

/** Returns the next `count` bytes, or fails. */
export type Take = (count: number) => Promise<Buffer>;

/** Reads a header; returns it and its bytes. */
export async function readHeader(take: Take): Promise<{ header: Header; bytes: Buffer }> {
  const fixed = await take(MAGIC.length + 4 + 2);
  const segmentSize = fixed.readUInt32BE(MAGIC.length);
  if (!fixed.subarray(0, MAGIC.length).equals(MAGIC) || !isSegmentSize(segmentSize)) {
    throw new EnvelopeError();
  }
  const name = await take(lengthWithin(fixed.readUInt16BE(MAGIC.length + 4), MAX_NAME_BYTES));
  const length = await take(2);
  const encrypted = await take(lengthWithin(length.readUInt16BE(), MAX_DATA_KEY_BYTES));
  const salt = await take(SALT_BYTES);
  const header = { segmentSize, keyName: decodeText(name), encryptedDataKey: decodeText(encrypted), salt };
  return { header, bytes: Buffer.concat([fixed, name, length, encrypted, salt]) };
}

/** Derives the key of the envelope with this header. */
export function deriveKey(
  dataKey: Uint8Array,
  header: Buffer,
  salt: Uint8Array,
  associatedData: Uint8Array,
): EnvelopeKey {
  const info = Buffer.concat([INFO, sha256(header), sha256(associatedData)]);
  const material = Buffer.from(hkdfSync("sha256", dataKey, salt, info, KEY_BYTES + PREFIX_BYTES));
  const key = createSecretKey(material.subarray(0, KEY_BYTES));
  const prefix = Buffer.from(material.subarray(KEY_BYTES));
  material.fill(0);
  return { key, prefix };
}

/** Returns the nonce of segment `index`. */
export function nonceOf(prefix: Uint8Array, index: number, last: boolean): Buffer {
  const nonce = Buffer.alloc(PREFIX_BYTES + 4 + 1);
  nonce.set(prefix);
  nonce.writeUInt32BE(index, PREFIX_BYTES);
  nonce[PREFIX_BYTES + 4] = last ? 1 : 0;
  return nonce;
}

function sha256(data: Uint8Array): Buffer {
  return createHash("sha256").update(data).digest();
}

function isSegmentSize(size: number): boolean {
  return Number.isInteger(size) && size >= MIN_SEGMENT_SIZE && size <= MAX_SEGMENT_SIZE;
}

function encodeText(text: string, most: number, what: string): Buffer {
  const bytes = Buffer.from(text, "utf8");
  if (bytes.length === 0 || bytes.length > most || !text.isWellFormed()) {
    throw new RangeError(`${what} must have 1 to ${most} bytes of UTF-8.`);
  }
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function lengthWithin(length: number, most: number): number {
  if (length === 0 || length > most) {
    throw new EnvelopeError();
  }
  return length;
}

function decodeText(bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new EnvelopeError();
  }
}
