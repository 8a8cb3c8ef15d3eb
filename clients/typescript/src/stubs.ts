/** Callback stubs of grpc-js with the types of the contract. */
import type { DescService } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";

import { type Request, type Response, serviceDefinition } from "./services.js";

/** A method of a stub. */
export interface StubMethod<M> {
  (request: Request<M>, callback: grpc.requestCallback<Response<M>>): grpc.ClientUnaryCall;
  (request: Request<M>, metadata: grpc.Metadata, callback: grpc.requestCallback<Response<M>>): grpc.ClientUnaryCall;
  (request: Request<M>, options: grpc.CallOptions, callback: grpc.requestCallback<Response<M>>): grpc.ClientUnaryCall;
  (
    request: Request<M>,
    metadata: grpc.Metadata,
    options: grpc.CallOptions,
    callback: grpc.requestCallback<Response<M>>,
  ): grpc.ClientUnaryCall;
}

/** A method of a stub that returns a stream. */
export interface StreamMethod<M> {
  (request: Request<M>, options?: grpc.CallOptions): grpc.ClientReadableStream<Response<M>>;
  (request: Request<M>, metadata?: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<Response<M>>;
}

/** The stub of service `S`. */
export type Stub<S extends DescService> = grpc.Client & {
  [K in keyof S["method"]]: S["method"][K] extends { methodKind: "server_streaming" }
    ? StreamMethod<S["method"][K]>
    : StubMethod<S["method"][K]>;
};

/** Returns the stub of `service` over `channel`. */
export function makeStub<S extends DescService>(
  service: S,
  channel: grpc.ChannelInterface,
  interceptors: readonly grpc.Interceptor[],
): Stub<S> {
  const Constructor = grpc.makeGenericClientConstructor(serviceDefinition(service), service.typeName);
  const unused = grpc.credentials.createInsecure(); // the channel has its own credentials
  const options = { channelOverride: channel, interceptors: [...interceptors] };
  return new Constructor(channel.getTarget(), unused, options) as unknown as Stub<S>;
}
