/** Reuse of data keys within bounds. */
import type { Call } from "../calls.js";
import { KeywayError } from "../errors.js";
import type { KeyService } from "../gen/keyway/v1/key_service_pb.js";
import { DATA_KEY_BYTES } from "./format.js";

/** Limits for the use of one data key. The first limit that is reached applies to the next envelope. */
export interface Bounds {
  /** Number of envelopes; the default is 1,000. */
  readonly maxEnvelopes?: number;
  /** Bytes of plaintext; the default is 64 GiB. */
  readonly maxBytes?: number;
  /** Milliseconds since the request of the key; the default is 300,000. */
  readonly maxAgeMs?: number;
}

/** Generates data keys. */
export type Generate = Call<(typeof KeyService)["method"]["generateDataKey"]>;

/** A data key and its use so far. Sealers add to `bytes`. */
export interface DataKey {
  readonly plaintext: Uint8Array;
  readonly encrypted: string;
  readonly made: number;
  envelopes: number;
  bytes: number;
}

/** The current data key of one key. */
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
        throw new RangeError(`${name} must be more than 0.`);
      }
    }
  }

  /**
   * Calls `use` with a data key for one more envelope. `use` must not keep the key, because the next call can wipe it.
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

  /** Wipes the data key. */
  wipe(): void {
    this.#current?.plaintext.fill(0);
    this.#current = undefined;
  }

  #mayBegin({ envelopes, bytes, made }: DataKey): boolean {
    const { maxEnvelopes, maxBytes, maxAgeMs } = this.#bounds;
    // A new key is used at least once, even if the request took long.
    return envelopes === 0 || (envelopes < maxEnvelopes && bytes < maxBytes && this.#now() - made < maxAgeMs);
  }

  /** Shares one request between all waiting callers. A caller can stop waiting without canceling the request. */
  async #renew(signal: AbortSignal | undefined): Promise<void> {
    this.#renewal ??= this.#request().finally(() => {
      this.#renewal = undefined;
    });
    await unlessAborted(this.#renewal, signal);
  }

  async #request(): Promise<void> {
    // The age counts from the request, because the response can take long.
    const made = this.#now();
    const { plaintext, ciphertext } = await this.#generate({ name: this.#keyName });
    if (plaintext.length !== DATA_KEY_BYTES) {
      throw new Error(`The data key from the gateway has ${plaintext.length} bytes instead of ${DATA_KEY_BYTES}.`);
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
