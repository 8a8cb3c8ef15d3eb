/**
 * Service definitions for grpc-js, created from the descriptors of the contract.
 */
import {
  create,
  type DescMessage,
  type DescMethod,
  type DescService,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import type * as grpc from "@grpc/grpc-js";

/** The request of a method, as a plain object. */
export type Request<M> = M extends { input: infer I extends DescMessage } ? MessageInitShape<I> : never;

/** The response of a method. */
export type Response<M> = M extends { output: infer O extends DescMessage } ? MessageShape<O> : never;

/** Returns the definition of a service for grpc-js: for a client, or for `Server.addService` in a test. */
export function serviceDefinition(service: DescService): grpc.ServiceDefinition {
  return Object.fromEntries(service.methods.map((method) => [method.localName, methodDefinition(method)]));
}

/** Returns the methods that the contract marks as NO_SIDE_EFFECTS. */
export function idempotentMethods(service: DescService): string[] {
  return service.methods
    .filter((method) => method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS)
    .map((method) => method.name);
}

function methodDefinition(method: DescMethod): grpc.MethodDefinition<unknown, unknown> & { originalName: string } {
  if (method.methodKind !== "unary" && method.methodKind !== "server_streaming") {
    throw new TypeError(`${method.toString()}: streams of requests are not supported`);
  }
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    originalName: method.localName,
    requestStream: false,
    responseStream: method.methodKind === "server_streaming",
    requestSerialize: serializer(method.input),
    requestDeserialize: (bytes) => fromBinary(method.input, bytes),
    responseSerialize: serializer(method.output),
    responseDeserialize: (bytes) => fromBinary(method.output, bytes),
  };
}

function serializer(schema: DescMessage): (value: unknown) => Buffer {
  return (value) => {
    const bytes = toBinary(schema, create(schema, value as MessageInitShape<typeof schema>));
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
}
