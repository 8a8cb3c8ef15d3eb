/** What a client knows about its connection: the problem of a failed call, and whether anything listens. */
import { connect as connectSocket } from "node:net";

import * as grpc from "@grpc/grpc-js";

import { KeywayError } from "./errors.js";
import type { Problem } from "./gen/problems.js";
import { endpointOf, isLoopback } from "./target.js";

/** Settings that determine the problem. */
export interface Security {
  readonly plaintext: boolean;
  /** Whether the client has a certificate. */
  readonly certificate: boolean;
}

const LOOPBACK_TIMEOUT_MS = 200;
/** grpc-js itself adds it to the trailers of a call that was retried. */
const RETRIES = "grpc-previous-rpc-attempts";

/** Texts from grpc-js, Node.js, and OpenSSL. The first match applies. */
const TEXTS: readonly (readonly [RegExp, Problem])[] = [
  [/ECONNREFUSED|ENOENT/, "REFUSED"],
  [/Name resolution failed/, "UNRESOLVED"],
  [/ENETUNREACH|EHOSTUNREACH/, "UNREACHABLE"],
  [/ETIMEDOUT/, "TIMEOUT"],
  [/wrong version number|packet length too long/, "PLAINTEXT_REQUIRED"],
  [/certificate has expired/, "EXPIRED"],
  [/certificate is not yet valid/, "NOT_YET_VALID"],
  [/ERR_TLS_CERT_ALTNAME_INVALID/, "HOST_NAME"],
  [/unable to verify|unable to get|self[- ]signed certificate/, "UNTRUSTED"],
  [/before secure TLS connection was established/, "TLS_FAILED"],
];

const NOT_HTTP2 = /No connection established\. Last error: Protocol error/;

/** Texts for a connection that the server closes. With TLS 1.3, it does so if it rejects the client certificate. */
const CLOSED = /Failed to connect|socket hang up|ECONNRESET|EPIPE|alert (\w+ )*(certificate|unknown ca)/;

/** The connection of a client. */
export class Connection {
  readonly #security: Security;
  readonly #loopback: readonly string[];
  #found: boolean;
  /** A server responded to a call, so a closed connection does not mean wrong settings. */
  #answered = false;

  constructor(security: Security, addresses: readonly string[]) {
    this.#security = security;
    this.#loopback = addresses.every((address) => isLoopback(address) && endpointOf(address)) ? addresses : [];
    this.#found = this.#loopback.length === 0;
  }

  /**
   * Fails calls immediately while no program listens on the loopback addresses, except calls that wait for the gateway
   * (`waitForReady`). grpc-js would retry for more than a second. Once a program listens, grpc-js handles failures,
   * because the gateway can be restarting.
   */
  readonly failWhileRefused: grpc.Interceptor = (options, nextCall) => {
    if (this.#found) {
      return new grpc.InterceptingCall(nextCall(options));
    }
    const call = nextCall(options);
    let started = false;
    let cancel: (() => void) | undefined;
    return new grpc.InterceptingCall(call, {
      start: (metadata, listener, next) => {
        if (metadata.getOptions().waitForReady) {
          started = true;
          next(metadata, listener);
          return;
        }
        this.#refusal().then((refusal) => {
          // A call reports its status only after its start.
          started = true;
          next(metadata, listener);
          if (cancel !== undefined) {
            cancel();
          } else if (refusal !== undefined) {
            call.cancelWithStatus(grpc.status.UNAVAILABLE, refusal.message);
          }
        });
      },
      cancel: (next) => {
        if (started) {
          next();
        } else {
          cancel = next;
        }
      },
    });
  };

  /** Returns the error of the last address if all addresses refuse connections. */
  async #refusal(): Promise<Error | undefined> {
    const refusals = await Promise.all(this.#loopback.map(refusalOf));
    this.#found = refusals.includes(undefined);
    return this.#found ? undefined : refusals.at(-1);
  }

  /** Records that the gateway responded. */
  succeeded(): void {
    this.#answered = true;
  }

  /** Returns the error of a failed call, with the problem of the connection if it is recognized. */
  failed(error: unknown, cause: unknown): KeywayError {
    const read = KeywayError.from(error, cause);
    if (hasTrailers(error)) {
      // The gateway responded, or a proxy in front of it, whose text can resemble a grpc-js message.
      this.#answered = true;
      return read;
    }
    const problem =
      read.codeName === grpc.status[grpc.status.UNAVAILABLE] ? this.#recognized(read.rawMessage) : undefined;
    return problem === undefined ? read : read.explained(problem, error);
  }

  #recognized(text: string): Problem | undefined {
    const known = TEXTS.find(([pattern]) => pattern.test(text));
    if (known !== undefined) {
      return known[1];
    }
    // Without TLS, a server that uses TLS or another protocol has the same text.
    if (NOT_HTTP2.test(text)) {
      return this.#security.plaintext ? undefined : "NOT_HTTP2";
    }
    if (this.#answered || !CLOSED.test(text)) {
      return undefined;
    }
    if (this.#security.plaintext) {
      return "TLS_REQUIRED";
    }
    return this.#security.certificate ? "CLIENT_CERTIFICATE_REJECTED" : "CLIENT_CERTIFICATE_MISSING";
  }
}

function hasTrailers(error: unknown): boolean {
  const { metadata } = error as Partial<grpc.ServiceError>;
  return Object.keys(metadata?.getMap() ?? {}).some((name) => name !== RETRIES);
}

/** Returns the error if the address refuses connections. */
function refusalOf(address: string): Promise<Error | undefined> {
  const { host, port } = endpointOf(address) ?? { host: "", port: 0 };
  return new Promise((resolve) => {
    const socket = connectSocket({ host, port, timeout: LOOPBACK_TIMEOUT_MS });
    const end = (error?: Error) => {
      socket.destroy();
      resolve(error);
    };
    socket.once("connect", () => end());
    socket.once("timeout", () => end());
    socket.once("error", (error: NodeJS.ErrnoException) => end(error.code === "ECONNREFUSED" ? error : undefined));
  });
}
