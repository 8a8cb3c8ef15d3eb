/** A grpc-js server on a free port with the handlers of a test. */
import type { DescService } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";

import { serviceDefinition } from "../../src/index.js";

// biome-ignore lint/suspicious/noExplicitAny: each handler declares its own request type
export type Handler = grpc.handleUnaryCall<any, object>;

// biome-ignore lint/suspicious/noExplicitAny: each handler declares its own request type
export type StreamHandler = grpc.handleServerStreamingCall<any, object>;

/** A running server. */
export interface TestServer extends AsyncDisposable {
  readonly address: string;
}

/** Serves `handlers` of `service`. Other methods are UNIMPLEMENTED. */
export async function serve<S extends DescService>(
  service: S,
  handlers: {
    readonly [K in keyof S["method"]]?: S["method"][K] extends { methodKind: "server_streaming" }
      ? StreamHandler
      : Handler;
  },
  credentials: grpc.ServerCredentials = grpc.ServerCredentials.createInsecure(),
  host = "127.0.0.1",
): Promise<TestServer> {
  const server = new grpc.Server();
  server.addService(serviceDefinition(service), handlers as unknown as grpc.UntypedServiceImplementation);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`${host}:0`, credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  return {
    address: `${host}:${port}`,
    [Symbol.asyncDispose]: async () => server.forceShutdown(),
  };
}

/** Returns an error for a handler to throw. */
export function failure(code: grpc.status, details: string, trailers: Record<string, string | Buffer> = {}) {
  const metadata = new grpc.Metadata();
  for (const [key, value] of Object.entries(trailers)) {
    metadata.set(key, value);
  }
  return { code, details, metadata };
}
