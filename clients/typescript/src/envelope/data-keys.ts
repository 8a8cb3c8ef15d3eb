/** Data keys for sealing: one is used for many envelopes, within bounds, and wiped then. */
import type { Call } from "../calls.js";
import { KeywayError } from "../errors.js";
import type { KeyService } from "../gen/keyway/v1/key_service_pb.js";
import { DATA_KEY_BYTES } from "./format.js";

/** How much one data key may seal. Whichever comes first ends its use; an envelope that it has begun, it ends. */
export interface Bounds {
  /** 1,000 by default. */
  readonly maxEnvelopes?: number;
  /** Bytes of plaintext; 64 GiB by default. */
  readonly maxBytes?: number;
  /** Milliseconds since it was asked for; 300,000 by default. */
  readonly maxAgeMs?: number;
}

/** What makes data keys. */
export type Generate = Call<(typeof KeyService)["method"]["generateDataKey"]>;

/** A data key and its use so far. Sealers add to `bytes`. */
export interface DataKey {
  readonly plaintext: Uint8Array;
  readonly encrypted: string;
  readonly made: number;
  envelopes: number;
  bytes: number;
}

/** The data keys of one key. */
export class DataKeys {
  readonly #generate: Generate;
  readonly #keyName: string;
  readonly #bounds: Required<Bounds>;
  readonly #now: () => number;
  #current: DataKey | undefined;
  #renewal: Promise<void> | undefined;

  constructor(generate: Generate, keyName: string, bounds: Bounds, now: () => number = () => performance.now()) {
    const { maxEnvelopes = 1000, maxBytes = 64 * 2 ** 30, maxAgeMs = 300_000 } = bounds;
    this.#generate = generate;
    this.#keyName = keyName;
    this.#bounds = { maxEnvelopes, maxBytes, maxAgeMs };
    this.#now = now;
    for (const [name, bound] of Object.entries(this.#bounds)) {
      if (!(bound > 0)) {
        throw new RangeError(`${name} has to be more than 0.`);
      }
    }
  }

  /**
   * What `use` makes of a data key that may seal one envelope more. `use` must not keep the key: the next to come may
   * wipe it.
   */
  async withKey<T>(use: (key: DataKey) => T, signal?: AbortSignal): Promise<T> {
    for (;;) {
      const key = this.#current;
      if (key !== undefined && this.#mayBegin(key)) {
        key.envelopes += 1;
        return use(key);
      }
      await this.#renew(signal);
    }
  }

  /** Forgets the data key. */
  wipe(): void {
    this.#current?.plaintext.fill(0);
    this.#current = undefined;
  }

  #mayBegin({ envelopes, bytes, made }: DataKey): boolean {
    const { maxEnvelopes, maxBytes, maxAgeMs } = this.#bounds;
    // A new key serves once, however long it took to come.
    return envelopes === 0 || (envelopes < maxEnvelopes && bytes < maxBytes && this.#now() - made < maxAgeMs);
  }

  /** One call for all who wait. Each may stop waiting; the call goes on for the others. */
  async #renew(signal: AbortSignal | undefined): Promise<void> {
    this.#renewal ??= this.#request().finally(() => {
      this.#renewal = undefined;
    });
    await unlessAborted(this.#renewal, signal);
  }

  async #request(): Promise<void> {
    // The answer may have been long on its way: a key's age counts from the question.
    const made = this.#now();
    const { plaintext, ciphertext } = await this.#generate({ name: this.#keyName });
    if (plaintext.length !== DATA_KEY_BYTES) {
      throw new Error(`The gateway gave a data key of ${plaintext.length} bytes instead of ${DATA_KEY_BYTES}.`);
    }
    this.wipe();
    this.#current = { plaintext, encrypted: ciphertext, made, envelopes: 0, bytes: 0 };
  }
}

async function unlessAborted(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) {
    return work;
  }
  let abort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(KeywayError.cancelled(signal.reason));
    if (signal.aborted) {
      abort();
    }
    signal.addEventListener("abort", abort, { once: true });
  });
  try {
    await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
