/** Seals data on this side, with data keys from the gateway. The data itself goes nowhere. */
import { randomBytes } from "node:crypto";
import { Duplex } from "node:stream";

import { type Bounds, type DataKey, DataKeys, type Generate } from "./data-keys.js";
import { readPieces, writeWhole } from "./files.js";
import { DEFAULT_SEGMENT_SIZE, deriveKey, type EnvelopeKey, encodeHeader, SALT_BYTES } from "./format.js";
import { sealSegments } from "./segments.js";
import { ByteReader, type ByteSource } from "./source.js";

/** How a sealer works. */
export interface SealerOptions extends Bounds {
  /** Plaintext bytes of a segment, which is what is held in memory: 4,096 to 1,048,576; 65,536 by default. */
  readonly segmentSize?: number;
}

/** What one envelope may have of its own. */
export interface SealOptions {
  /** What has to be told again to open the envelope, such as the record's id. It is not in the envelope. */
  readonly associatedData?: Uint8Array | string;
  /** Stops the sealing. */
  readonly signal?: AbortSignal;
}

const NONE = new Uint8Array();

/** Seals with data keys of one key. Keep it: it uses a data key for more than one envelope. */
export class Sealer {
  readonly #keyName: string;
  readonly #segmentSize: number;
  readonly #dataKeys: DataKeys;

  constructor(keys: { readonly generateDataKey: Generate }, keyName: string, options: SealerOptions = {}) {
    this.#keyName = keyName;
    this.#segmentSize = options.segmentSize ?? DEFAULT_SEGMENT_SIZE;
    this.#dataKeys = new DataKeys(keys.generateDataKey, keyName, options);
  }

  /** The envelope of `data`. */
  async seal(data: Uint8Array | string, options?: SealOptions): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for await (const piece of this.sealStream(typeof data === "string" ? Buffer.from(data) : data, options)) {
      pieces.push(piece);
    }
    return Buffer.concat(pieces);
  }

  /** The envelope of all that `source` gives, piece by piece, as fast as they are taken. */
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

  /** The same for `stream.pipe`, `pipeline` and `compose`: plaintext is written to it, the envelope read from it. */
  sealTransform(options?: SealOptions): Duplex {
    return Duplex.from((source: AsyncIterable<Uint8Array>) => this.sealStream(source, options));
  }

  /** Seals the file `source` into the file `target`, which is whole or not there. */
  async sealFile(source: string, target: string, options?: SealOptions): Promise<void> {
    await writeWhole(target, this.sealStream(readPieces(source), options));
  }

  /** Forgets the data key. The sealer gets another one if it is used again. */
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

/** How an envelope of `dataKey` and `salt` begins. A salt is for one envelope alone. */
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
