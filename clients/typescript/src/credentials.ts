/** What a channel proves and demands: TLS, a certificate of the caller's own, a token for each call. */
import { readFileSync } from "node:fs";

import * as grpc from "@grpc/grpc-js";

/**
 * PEM, or the path of a file of it. Files are read once, when connecting.
 */
export type Pem = string | Uint8Array;

/** How TLS is done. Without any of it: the certificate authorities that Node.js trusts. */
export interface TlsOptions {
  /** The authorities that may have signed the gateway's certificate. */
  readonly ca?: Pem;
  /** The caller's certificate with its chain, for mutual TLS; with `privateKey`. */
  readonly certificate?: Pem;
  readonly privateKey?: Pem;
  /** The name that the gateway's certificate has to have, where it is not the address's. */
  readonly serverName?: string;
}

/** A bearer token, or what gives one for each call. It should keep a token for as long as that is valid. */
export type Token = string | (() => string | Promise<string>);

/** The credentials of a channel over TLS. */
export function tlsCredentials(tls: TlsOptions, token: Token | undefined): grpc.ChannelCredentials {
  if ((tls.certificate === undefined) !== (tls.privateKey === undefined)) {
    throw new TypeError("tls.certificate and tls.privateKey go together.");
  }
  const channel = grpc.credentials.createSsl(pem(tls.ca), pem(tls.privateKey), pem(tls.certificate));
  return token === undefined ? channel : grpc.credentials.combineChannelCredentials(channel, bearer(token));
}

function bearer(token: Token): grpc.CallCredentials {
  return grpc.credentials.createFromMetadataGenerator((_, callback) => {
    authorization(token).then(
      (metadata) => callback(null, metadata),
      (error: unknown) => callback(error instanceof Error ? error : new Error("The token could not be had.")),
    );
  });
}

async function authorization(token: Token): Promise<grpc.Metadata> {
  // A token that comes from a file may end in a line's end.
  const text = (typeof token === "string" ? token : await token()).trim();
  // grpc-js would name the token in its own complaint.
  if (!/^[\x21-\x7e]+$/.test(text)) {
    throw new TypeError("The token has characters that a header can't carry, or none.");
  }
  const metadata = new grpc.Metadata();
  metadata.set("authorization", `Bearer ${text}`);
  return metadata;
}

function pem(given: Pem | undefined): Buffer | null {
  if (given === undefined) {
    return null;
  }
  if (typeof given !== "string") {
    return Buffer.from(given);
  }
  return given.includes("-----BEGIN ") ? Buffer.from(given) : readFileSync(given);
}
