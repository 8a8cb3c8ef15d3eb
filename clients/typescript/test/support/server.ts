/** A gateway of the test's own: a real server of grpc-js on a free port, with handlers that the test gives. */
import type { DescService } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";

import { serviceDefinition } from "../../src/index.js";

// biome-ignore lint/suspicious/noExplicitAny: a handler says itself which of the requests it takes
export type Handler = grpc.handleUnaryCall<any, object>;

/** A running server. */
export interface TestServer extends AsyncDisposable {
  readonly address: string;
}

/** Serves `handlers` of `service`; any other method is UNIMPLEMENTED. */
export async function serve<S extends DescService>(
  service: S,
  handlers: { readonly [K in keyof S["method"]]?: Handler },
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

/** An error that a handler answers. */
export function failure(code: grpc.status, details: string, trailers: Record<string, string | Buffer> = {}) {
  const metadata = new grpc.Metadata();
  for (const [key, value] of Object.entries(trailers)) {
    metadata.set(key, value);
  }
  return { code, details, metadata };
}
