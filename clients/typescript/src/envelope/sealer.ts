/** Sealing of data in this process with data keys from the gateway. */
import { randomBytes } from "node:crypto";
import { Duplex } from "node:stream";

import { type Bounds, type DataKey, DataKeys, type Generate } from "./data-keys.js";
import { readPieces, writeWhole } from "./files.js";
import { DEFAULT_SEGMENT_SIZE, deriveKey, type EnvelopeKey, encodeHeader, SALT_BYTES } from "./format.js";
import { sealSegments } from "./segments.js";
import { ByteReader, type ByteSource } from "./source.js";

/** Settings of a sealer. */
export interface SealerOptions extends Bounds {
  /** Plaintext bytes per segment: 4,096 to 1,048,576; the default is 65,536. */
  readonly segmentSize?: number;
}

/** Options for one envelope. */
export interface SealOptions {
  /** Required to open the envelope, such as the id of a record. It is not part of the envelope. */
  readonly associatedData?: Uint8Array | string;
  /** Aborts the sealing. */
  readonly signal?: AbortSignal;
}

const NONE = new Uint8Array();

/** Seals with data keys of one key. Keep it, because it reuses data keys. */
export class Sealer {
  readonly #keyName: string;
  readonly #segmentSize: number;
  readonly #dataKeys: DataKeys;

  constructor(keys: { readonly generateDataKey: Generate }, keyName: string, options: SealerOptions = {}) {
    this.#keyName = keyName;
    this.#segmentSize = options.segmentSize ?? DEFAULT_SEGMENT_SIZE;
    this.#dataKeys = new DataKeys(keys.generateDataKey, keyName, options);
  }

  /** Returns the envelope of `data`. */
  async seal(data: Uint8Array | string, options?: SealOptions): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for await (const piece of this.sealStream(typeof data === "string" ? Buffer.from(data) : data, options)) {
      pieces.push(piece);
    }
    return Buffer.concat(pieces);
  }

  /** Yields the envelope of `source` in pieces. */
  sealStream(source: ByteSource, options?: SealOptions): AsyncGenerator<Buffer, void, undefined> {
    return this.#seal(new ByteReader(source), options);
  }

  async *#seal(reader: ByteReader, options: SealOptions = {}): AsyncGenerator<Buffer, void, undefined> {
    try {
      const { header, envelopeKey, dataKey } = await this.#begin(options);
      yield header;
      const count = (bytes: number) => {
        dataKey.bytes += bytes;
      };
      for await (const parts of sealSegments(reader, envelopeKey, this.#segmentSize, count)) {
        for (const part of parts) {
          options.signal?.throwIfAborted();
          yield part;
        }
      }
    } finally {
      await reader.close();
    }
  }

  /** Returns a Duplex for `pipe`, `pipeline` and `compose`: write the plaintext, read the envelope. */
  sealTransform(options?: SealOptions): Duplex {
    return Duplex.from((source: AsyncIterable<Uint8Array>) => this.sealStream(source, options));
  }

  /** Seals the file `source`. It creates `target` only when it is complete. */
  async sealFile(source: string, target: string, options?: SealOptions): Promise<void> {
    await writeWhole(target, this.sealStream(readPieces(source), options));
  }

  /** Wipes the data key. The next envelope gets a new data key. */
  close(): void {
    this.#dataKeys.wipe();
  }

  #begin({ associatedData = NONE, signal }: SealOptions): Promise<Beginning> {
    const associated = typeof associatedData === "string" ? Buffer.from(associatedData) : associatedData;
    return this.#dataKeys.withKey((dataKey) => {
      const salt = randomBytes(SALT_BYTES);
      return { ...beginEnvelope(dataKey, salt, this.#keyName, this.#segmentSize, associated), dataKey };
    }, signal);
  }
}

interface Beginning {
  readonly header: Buffer;
  readonly envelopeKey: EnvelopeKey;
  readonly dataKey: DataKey;
}

/** Returns the header and the key of an envelope. Each envelope needs its own salt. */
export function beginEnvelope(
  dataKey: Pick<DataKey, "plaintext" | "encrypted">,
  salt: Uint8Array,
  keyName: string,
  segmentSize: number,
  associatedData: Uint8Array,
): { header: Buffer; envelopeKey: EnvelopeKey } {
  const header = encodeHeader({ segmentSize, keyName, encryptedDataKey: dataKey.encrypted, salt });
  return { header, envelopeKey: deriveKey(dataKey.plaintext, header, salt, associatedData) };
}
