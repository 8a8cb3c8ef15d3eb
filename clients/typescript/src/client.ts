/** The client: a channel to the gateway, and the three services over it. */
import * as grpc from "@grpc/grpc-js";

import { type CallOptions, type Calls, makeCalls } from "./calls.js";
import { type TlsOptions, type Token, tlsCredentials } from "./credentials.js";
import { Opener, type OpenerOptions } from "./envelope/opener.js";
import { Sealer, type SealerOptions } from "./envelope/sealer.js";
import type { Certificate } from "./gen/keyway/v1/certificate_pb.js";
import { CertificateService } from "./gen/keyway/v1/certificate_service_pb.js";
import { KeyService } from "./gen/keyway/v1/key_service_pb.js";
import type { Provider } from "./gen/keyway/v1/provider_pb.js";
import { ProviderService } from "./gen/keyway/v1/provider_service_pb.js";
import { items, pages } from "./pages.js";
import { serviceConfig } from "./service-config.js";
import type { Request } from "./services.js";
import { makeStub, type Stub } from "./stubs.js";
import { isLoopback, targetOf } from "./target.js";
import { traceInterceptor } from "./trace.js";

/** How to reach the gateway. */
export interface ConnectOptions {
  /** Where it is: `gateway.example.com:443`, or a target of gRPC such as `dns:///…` or `unix:/run/keyway.sock`. */
  readonly address?: string;
  /** Several gateways, by IP address and port; calls go to each in turn. */
  readonly addresses?: readonly string[];
  /** Without TLS. Only to this machine, unless it is `"anywhere"`: on a network, anybody there can listen. */
  readonly plaintext?: boolean | "anywhere";
  /** How TLS is done, which it is unless `plaintext` says otherwise. */
  readonly tls?: TlsOptions;
  /** A bearer token. Only over TLS. */
  readonly token?: Token | undefined;
  /** Milliseconds that a call without a deadline of its own may take; 30,000 by default. */
  readonly defaultDeadlineMs?: number;
  /** Whether methods without side effects are repeated on UNAVAILABLE; by default they are. */
  readonly retries?: boolean;
  /** Options of grpc-js, over those that are set here. */
  readonly channelOptions?: grpc.ChannelOptions;
  /** Interceptors of grpc-js, around every call. */
  readonly interceptors?: readonly grpc.Interceptor[];
}

/** The services' stubs as grpc-js makes them, with callbacks. */
export interface Stubs {
  readonly certificates: Stub<typeof CertificateService>;
  readonly keys: Stub<typeof KeyService>;
  readonly providers: Stub<typeof ProviderService>;
}

/** A client. Made by `connect`; keep one for as long as the program runs, and close it at the end. */
export class KeywayClient implements Disposable {
  readonly certificates: Calls<typeof CertificateService>;
  readonly keys: Calls<typeof KeyService>;
  readonly providers: Calls<typeof ProviderService>;
  readonly stubs: Stubs;
  readonly channel: grpc.ChannelInterface;

  constructor(channel: grpc.ChannelInterface, interceptors: readonly grpc.Interceptor[] = []) {
    this.channel = channel;
    this.stubs = Object.freeze({
      certificates: makeStub(CertificateService, channel, interceptors),
      keys: makeStub(KeyService, channel, interceptors),
      providers: makeStub(ProviderService, channel, interceptors),
    });
    this.certificates = makeCalls(CertificateService, this.stubs.certificates);
    this.keys = makeCalls(KeyService, this.stubs.keys);
    this.providers = makeCalls(ProviderService, this.stubs.providers);
  }

  /** Every certificate of every page. `pages` tells which providers could not be asked. */
  listCertificates(
    request: Request<(typeof CertificateService)["method"]["listCertificates"]> = { parent: "providers/-" },
    options?: CallOptions,
  ): AsyncGenerator<Certificate, void, undefined> {
    return items(pages(this.certificates.listCertificates, request, options), (page) => page.certificates);
  }

  /** Every provider of every page. */
  listProviders(
    request: Request<(typeof ProviderService)["method"]["listProviders"]> = {},
    options?: CallOptions,
  ): AsyncGenerator<Provider, void, undefined> {
    return items(pages(this.providers.listProviders, request, options), (page) => page.providers);
  }

  /** Seals data of any size with data keys of `keyName`. Keep it: it uses a data key more than once. */
  sealer(keyName: string, options?: SealerOptions): Sealer {
    return new Sealer(this.keys, keyName, options);
  }

  /** Opens what any sealer sealed. */
  opener(options?: OpenerOptions): Opener {
    return new Opener(this.keys, options);
  }

  /** Ends the connections. Calls that are under way are cut off. */
  close(): void {
    this.channel.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

const SERVICES = [CertificateService, KeyService, ProviderService];
const DEFAULT_DEADLINE_MS = 30_000;
const KEEPALIVE_MS = 60_000;
/** gRPC's own 4 MiB are not enough for files and batches. */
const MAX_RECEIVE_BYTES = 64 * 1024 * 1024;
/** The gateway takes 16 MiB; a call that is larger than this is not repeated. */
const REPEATABLE_BYTES = 17 * 1024 * 1024;

/** A client of the gateway at `address`. It connects with the first call. */
export function connect(options: ConnectOptions): KeywayClient {
  const addresses = addressesOf(options);
  const deadlineMs = options.defaultDeadlineMs ?? DEFAULT_DEADLINE_MS;
  if (!(deadlineMs > 0)) {
    throw new RangeError("defaultDeadlineMs has to be more than 0.");
  }
  const { serverName } = options.tls ?? {};
  const channel = new grpc.Channel(targetOf(addresses), credentialsOf(options, addresses), {
    "grpc.service_config": JSON.stringify(serviceConfig(SERVICES, options.retries ?? true)),
    "grpc.service_config_disable_resolution": 1,
    "grpc.enable_retries": (options.retries ?? true) ? 1 : 0,
    "grpc.max_receive_message_length": MAX_RECEIVE_BYTES,
    "grpc.per_rpc_retry_buffer_size": REPEATABLE_BYTES,
    "grpc.retry_buffer_size": 4 * REPEATABLE_BYTES,
    "grpc.keepalive_time_ms": KEEPALIVE_MS,
    // Whoever refuses a connection is asked again soon.
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 5_000,
    "grpc.primary_user_agent": "keyway-typescript",
    // To this machine, not by way of a proxy that the environment names.
    ...(options.plaintext && { "grpc.enable_http_proxy": 0 }),
    ...(serverName && { "grpc.ssl_target_name_override": serverName, "grpc.default_authority": serverName }),
    ...options.channelOptions,
  });
  const deadline = deadlineInterceptor(deadlineMs);
  return new KeywayClient(channel, [...(options.interceptors ?? []), deadline, traceInterceptor]);
}

function addressesOf({ address, addresses }: ConnectOptions): readonly string[] {
  if (address !== undefined && addresses !== undefined) {
    throw new TypeError("Either address or addresses, not both.");
  }
  return address === undefined ? (addresses ?? []) : [address];
}

function credentialsOf(options: ConnectOptions, addresses: readonly string[]): grpc.ChannelCredentials {
  const { plaintext = false, tls, token } = options;
  if (!plaintext) {
    return tlsCredentials(tls ?? {}, token);
  }
  if (tls !== undefined || token !== undefined) {
    throw new TypeError("Neither tls nor token go with plaintext: a token that anybody can read is everybody's.");
  }
  if (plaintext !== "anywhere" && !addresses.every(isLoopback)) {
    throw new TypeError('Plaintext is for this machine; plaintext: "anywhere" allows it over a network.');
  }
  return grpc.credentials.createInsecure();
}

function deadlineInterceptor(milliseconds: number): grpc.Interceptor {
  return (options, nextCall) =>
    new grpc.InterceptingCall(
      nextCall(options.deadline === undefined ? { ...options, deadline: Date.now() + milliseconds } : options),
    );
}
