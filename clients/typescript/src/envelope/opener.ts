/** Opening of envelopes. The gateway decrypts the data key; plaintext is released only after verification. */
import { Duplex } from "node:stream";

import type { Call } from "../calls.js";
import { KeywayError } from "../errors.js";
import { Code } from "../gen/google/rpc/code_pb.js";
import { Encoding, type KeyService } from "../gen/keyway/v1/key_service_pb.js";
import { readPieces, writeWhole } from "./files.js";
import { DATA_KEY_BYTES, deriveKey, EnvelopeError, type EnvelopeKey, type Header, readHeader } from "./format.js";
import { openSegments } from "./segments.js";
import { ByteReader, type ByteSource, joined } from "./source.js";

/** Settings of an opener. */
export interface OpenerOptions {
  /** Names of the keys to accept. Other envelopes are rejected before the call to the gateway. The default accepts all. */
  readonly keyNames?: readonly string[];
}

/** Options for one envelope. */
export interface OpenOptions {
  /** The associated data that the envelope was sealed with. */
  readonly associatedData?: Uint8Array | string;
  /** Aborts the opening. */
  readonly signal?: AbortSignal;
}

const NONE = new Uint8Array();

type Decrypt = Call<(typeof KeyService)["method"]["decrypt"]>;

/** Opens envelopes. It throws EnvelopeError for an invalid envelope, and KeywayError if the gateway fails. */
export class Opener {
  readonly #decrypt: Decrypt;
  readonly #keyNames: ReadonlySet<string> | undefined;

  constructor(keys: { readonly decrypt: Decrypt }, options: OpenerOptions = {}) {
    this.#decrypt = keys.decrypt;
    this.#keyNames = options.keyNames && new Set(options.keyNames);
  }

  /** Returns the plaintext of `envelope` after verification of the whole envelope. */
  async open(envelope: Uint8Array, options?: OpenOptions): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for await (const piece of this.openStream(envelope, options)) {
      pieces.push(piece);
    }
    return Buffer.concat(pieces);
  }

  /**
   * Yields the plaintext of the envelope in `source` in verified pieces. The data is complete only at the end of the
   * iteration: if it fails, discard the pieces. `open` and `openFile` release complete data only.
   */
  openStream(source: ByteSource, options?: OpenOptions): AsyncGenerator<Buffer, void, undefined> {
    return this.#open(new ByteReader(source), options);
  }

  async *#open(reader: ByteReader, options: OpenOptions = {}): AsyncGenerator<Buffer, void, undefined> {
    try {
      const { header, bytes } = await readHeader(takeFrom(reader));
      const envelopeKey = await this.#keyOf(header, bytes, options);
      for await (const plaintext of openSegments(reader, envelopeKey, header.segmentSize)) {
        options.signal?.throwIfAborted();
        yield plaintext;
      }
    } finally {
      await reader.close();
    }
  }

  /** Returns a Duplex for `pipe`, `pipeline` and `compose`: write the envelope, read the plaintext. */
  openTransform(options?: OpenOptions): Duplex {
    return Duplex.from((source: AsyncIterable<Uint8Array>) => this.openStream(source, options));
  }

  /** Opens the file `source`. It creates `target` only when the whole envelope is verified. */
  async openFile(source: string, target: string, options?: OpenOptions): Promise<void> {
    await writeWhole(target, this.openStream(readPieces(source), options), 0o600);
  }

  async #keyOf(header: Header, bytes: Buffer, { associatedData = NONE, signal }: OpenOptions): Promise<EnvelopeKey> {
    if (this.#keyNames?.has(header.keyName) === false) {
      throw new EnvelopeError();
    }
    const dataKey = await this.#dataKeyOf(header, signal);
    try {
      const associated = typeof associatedData === "string" ? Buffer.from(associatedData) : associatedData;
      return deriveKey(dataKey, bytes, header.salt, associated);
    } finally {
      dataKey.fill(0);
    }
  }

  async #dataKeyOf({ keyName, encryptedDataKey }: Header, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const request = { name: keyName, ciphertext: encryptedDataKey, encoding: Encoding.BASE64 };
    try {
      const { plaintext } = await this.#decrypt(request, signal && { signal });
      if (plaintext.length === DATA_KEY_BYTES) {
        return plaintext;
      }
    } catch (error) {
      if (!isAboutTheEnvelope(error)) {
        throw error;
      }
    }
    throw new EnvelopeError();
  }
}

/** Status codes for a modified header (docs/envelope-format.md): unknown key, or ciphertext of another key. */
const OF_THE_ENVELOPE: readonly Code[] = [Code.INVALID_ARGUMENT, Code.NOT_FOUND, Code.UNIMPLEMENTED];

function isAboutTheEnvelope(error: unknown): boolean {
  return (
    error instanceof KeywayError &&
    error.reason !== "" &&
    (OF_THE_ENVELOPE.includes(error.code) || error.reason === "PLAINTEXT_NOT_BASE64")
  );
}

function takeFrom(reader: ByteReader): (count: number) => Promise<Buffer> {
  return async (count) => {
    if (!(await reader.fill(count))) {
      throw new EnvelopeError();
    }
    return joined(reader.take(count));
  };
}
