/** Certificates from openssl, and servers with them. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";

import * as grpc from "@grpc/grpc-js";

import { KeyService } from "../../src/index.js";
import { serve } from "./server.js";

const folder = mkdtempSync(join(tmpdir(), "keyway-tls-"));
after(() => rmSync(folder, { recursive: true }));

/** Creates a self-signed certificate; returns the paths of the certificate and its key. */
function selfSigned(name: string): { certificate: string; privateKey: string } {
  const [certificate, privateKey] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)];
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", privateKey];
  const names = ["-subj", `/CN=${name}`, "-addext", `subjectAltName=DNS:${name}`];
  execFileSync("openssl", ["req", "-x509", ...key, ...names, "-out", certificate], { stdio: "ignore" });
  return { certificate, privateKey };
}

export const own = selfSigned("localhost");
export const other = selfSigned("gateway.test");
export const caller = selfSigned("caller");

/** Serves KeyService over TLS. clients: the CA bundle used to verify clients, for mutual TLS. */
export function serveTls({ certificate, privateKey } = own, clients?: string) {
  const pair = { cert_chain: readFileSync(certificate), private_key: readFileSync(privateKey) };
  const roots = clients === undefined ? null : readFileSync(clients);
  const credentials = grpc.ServerCredentials.createSsl(roots, [pair], clients !== undefined);
  const answer = (call: grpc.ServerUnaryCall<unknown, object>, callback: grpc.sendUnaryData<object>) =>
    callback(null, { ciphertext: String(call.metadata.get("authorization")[0] ?? "no token") });
  return serve(KeyService, { encrypt: answer }, credentials, "localhost");
}
