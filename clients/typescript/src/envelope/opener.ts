/** Opens envelopes: asks the gateway for the data key, and gives plaintext only after it has verified. */
import { Duplex } from "node:stream";

import type { Call } from "../calls.js";
import { KeywayError } from "../errors.js";
import { Code } from "../gen/google/rpc/code_pb.js";
import { Encoding, type KeyService } from "../gen/keyway/v1/key_service_pb.js";
import { readPieces, writeWhole } from "./files.js";
import { DATA_KEY_BYTES, deriveKey, EnvelopeError, type EnvelopeKey, type Header, readHeader } from "./format.js";
import { openSegments } from "./segments.js";
import { ByteReader, type ByteSource, joined } from "./source.js";

/** How an opener works. */
export interface OpenerOptions {
  /** The keys that an envelope may be sealed for; any other is refused before the gateway is asked. All by default. */
  readonly keyNames?: readonly string[];
}

/** What one envelope may have of its own. */
export interface OpenOptions {
  /** What the envelope was sealed with. */
  readonly associatedData?: Uint8Array | string;
  /** Stops the opening. */
  readonly signal?: AbortSignal;
}

const NONE = new Uint8Array();

type Decrypt = Call<(typeof KeyService)["method"]["decrypt"]>;

/** Opens what any sealer sealed. Throws EnvelopeError for what can't be opened, KeywayError where the gateway fails. */
export class Opener {
  readonly #decrypt: Decrypt;
  readonly #keyNames: ReadonlySet<string> | undefined;

  constructor(keys: { readonly decrypt: Decrypt }, options: OpenerOptions = {}) {
    this.#decrypt = keys.decrypt;
    this.#keyNames = options.keyNames && new Set(options.keyNames);
  }

  /** What is in `envelope`, all of it verified. */
  async open(envelope: Uint8Array, options?: OpenOptions): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for await (const piece of this.openStream(envelope, options)) {
      pieces.push(piece);
    }
    return Buffer.concat(pieces);
  }

  /**
   * What is in the envelope that `source` gives, piece by piece, as fast as they are taken. Each piece has verified,
   * but only the end of the iteration says that nothing is missing: what was done with the pieces has to be undone
   * where it fails. `open` and `openFile` see to that themselves.
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

  /** The same for `stream.pipe`, `pipeline` and `compose`: an envelope is written to it, the plaintext read from it. */
  openTransform(options?: OpenOptions): Duplex {
    return Duplex.from((source: AsyncIterable<Uint8Array>) => this.openStream(source, options));
  }

  /** Opens the file `source` into the file `target`, which is whole and verified, or not there. */
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

/** What a changed header gets (docs/envelope-format.md): no such key, nothing that this key encrypted. */
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
