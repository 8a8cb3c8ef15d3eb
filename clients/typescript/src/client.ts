/** The client: a channel to the gateway, and the services over it. */
import * as grpc from "@grpc/grpc-js";

import { type Calls, makeCalls } from "./calls.js";
import { Connection } from "./connection.js";
import { type TlsOptions, type Token, tlsCredentials } from "./credentials.js";
import { Opener, type OpenerOptions } from "./envelope/opener.js";
import { Sealer, type SealerOptions } from "./envelope/sealer.js";
import { AuditService } from "./gen/keyway/v1/audit_service_pb.js";
import { CertificateService, type WatchCertificatesResponse } from "./gen/keyway/v1/certificate_service_pb.js";
import { KeyService } from "./gen/keyway/v1/key_service_pb.js";
import { ProviderService } from "./gen/keyway/v1/provider_service_pb.js";
import { Lists } from "./gen/lists.js";
import { serviceConfig } from "./service-config.js";
import type { Request } from "./services.js";
import { makeStub, type Stub } from "./stubs.js";
import { isLoopback, targetOf } from "./target.js";
import { traceInterceptor } from "./trace.js";
import { type WatchOptions, watchCertificates } from "./watch.js";

/** Settings of the connection. */
export interface ConnectOptions {
  /** The gateway: `gateway.example.com:443`, or a gRPC target such as `dns:///…` or `unix:/run/keyway.sock`. */
  readonly address?: string;
  /** Several gateways, by IP address and port. Calls go to all in turn. */
  readonly addresses?: readonly string[];
  /** Disables TLS. `true` accepts loopback addresses only, `"anywhere"` accepts all; others can then read the traffic. */
  readonly plaintext?: boolean | "anywhere";
  /** TLS settings. TLS is the default. */
  readonly tls?: TlsOptions;
  /** A bearer token. It requires TLS. */
  readonly token?: Token | undefined;
  /** Deadline in milliseconds of calls without one; the default is 30,000. */
  readonly defaultDeadlineMs?: number;
  /** Whether to retry calls without side effects on UNAVAILABLE; the default is true. */
  readonly retries?: boolean;
  /** Options of grpc-js. They override the options of the client. */
  readonly channelOptions?: grpc.ChannelOptions;
  /** Interceptors of grpc-js, around every call. */
  readonly interceptors?: readonly grpc.Interceptor[];
}

/** The callback stubs of grpc-js. */
export interface Stubs {
  readonly certificates: Stub<typeof CertificateService>;
  readonly keys: Stub<typeof KeyService>;
  readonly providers: Stub<typeof ProviderService>;
  readonly audit: Stub<typeof AuditService>;
}

/** A client, created by `connect`. Use one for the whole program, and close it at the end. */
export class KeywayClient extends Lists implements Disposable {
  readonly certificates: Calls<typeof CertificateService>;
  readonly keys: Calls<typeof KeyService>;
  readonly providers: Calls<typeof ProviderService>;
  readonly audit: Calls<typeof AuditService>;
  readonly stubs: Stubs;
  readonly channel: grpc.ChannelInterface;
  readonly #connection: Connection;

  constructor(
    channel: grpc.ChannelInterface,
    interceptors: readonly grpc.Interceptor[] = [],
    connection: Connection = new Connection({ plaintext: false, certificate: false }, []),
  ) {
    super();
    this.channel = channel;
    this.#connection = connection;
    this.stubs = Object.freeze({
      certificates: makeStub(CertificateService, channel, interceptors),
      keys: makeStub(KeyService, channel, interceptors),
      providers: makeStub(ProviderService, channel, interceptors),
      audit: makeStub(AuditService, channel, interceptors),
    });
    this.certificates = makeCalls(CertificateService, this.stubs.certificates, connection);
    this.keys = makeCalls(KeyService, this.stubs.keys, connection);
    this.providers = makeCalls(ProviderService, this.stubs.providers, connection);
    this.audit = makeCalls(AuditService, this.stubs.audit, connection);
  }

  /**
   * Yields the events of certificates, without an end: if the stream is interrupted, the client opens it again, and
   * leaves out the events that say nothing new. SYNCED comes when the client has all changes, so also after each
   * interruption.
   *
   * An error before the first event is thrown, as is a later error that a new stream cannot repair, such as
   * PERMISSION_DENIED. To end the iteration, leave the loop or abort the signal. To continue in another process, store
   * the resume token of SYNCED or of a later event, and pass it in the request.
   */
  watchCertificates(
    request: Request<(typeof CertificateService)["method"]["watchCertificates"]>,
    options: WatchOptions = {},
  ): AsyncGenerator<WatchCertificatesResponse, void, undefined> {
    return watchCertificates(this.stubs.certificates, this.#connection, request, options);
  }

  /** Returns a sealer with data keys of `keyName`. Keep it, because it reuses data keys. */
  sealer(keyName: string, options?: SealerOptions): Sealer {
    return new Sealer(this.keys, keyName, options);
  }

  /** Returns an opener of envelopes. */
  opener(options?: OpenerOptions): Opener {
    return new Opener(this.keys, options);
  }

  /** Closes the connections. Calls in progress fail. */
  close(): void {
    this.channel.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

const SERVICES = [CertificateService, KeyService, ProviderService, AuditService];
const DEFAULT_DEADLINE_MS = 30_000;
const KEEPALIVE_MS = 60_000;
/** The default of gRPC, 4 MiB, is too small for files and batches. */
const MAX_RECEIVE_BYTES = 64 * 1024 * 1024;
/** The gateway accepts at most 16 MiB; grpc-js does not retry larger calls. */
const RETRY_BUFFER_BYTES = 17 * 1024 * 1024;

/** Returns a client of the gateway. It connects with the first call. */
export function connect(options: ConnectOptions): KeywayClient {
  const addresses = addressesOf(options);
  const deadlineMs = options.defaultDeadlineMs ?? DEFAULT_DEADLINE_MS;
  if (!(deadlineMs > 0)) {
    throw new RangeError("defaultDeadlineMs must be more than 0.");
  }
  const { serverName } = options.tls ?? {};
  const channel = new grpc.Channel(targetOf(addresses), credentialsOf(options, addresses), {
    "grpc.service_config": JSON.stringify(serviceConfig(SERVICES, options.retries ?? true)),
    "grpc.service_config_disable_resolution": 1,
    "grpc.enable_retries": (options.retries ?? true) ? 1 : 0,
    "grpc.max_receive_message_length": MAX_RECEIVE_BYTES,
    "grpc.per_rpc_retry_buffer_size": RETRY_BUFFER_BYTES,
    "grpc.retry_buffer_size": 4 * RETRY_BUFFER_BYTES,
    "grpc.keepalive_time_ms": KEEPALIVE_MS,
    // Reconnect quickly after a refused connection.
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 5_000,
    "grpc.primary_user_agent": "keyway-typescript",
    // Do not use a proxy from the environment variables.
    ...(options.plaintext && { "grpc.enable_http_proxy": 0 }),
    ...(serverName && { "grpc.ssl_target_name_override": serverName, "grpc.default_authority": serverName }),
    ...options.channelOptions,
  });
  const deadline = deadlineInterceptor(deadlineMs);
  const security = {
    plaintext: Boolean(options.plaintext),
    certificate: options.tls?.certificate !== undefined,
  };
  const connection = new Connection(security, addresses);
  const own = [deadline, traceInterceptor, connection.failWhileRefused];
  return new KeywayClient(channel, [...(options.interceptors ?? []), ...own], connection);
}

function addressesOf({ address, addresses }: ConnectOptions): readonly string[] {
  if (address !== undefined && addresses !== undefined) {
    throw new TypeError("address and addresses cannot be combined.");
  }
  return address === undefined ? (addresses ?? []) : [address];
}

function credentialsOf(options: ConnectOptions, addresses: readonly string[]): grpc.ChannelCredentials {
  const { plaintext = false, tls, token } = options;
  if (!plaintext) {
    return tlsCredentials(tls ?? {}, token);
  }
  if (tls !== undefined || token !== undefined) {
    throw new TypeError("plaintext cannot be combined with tls or token.");
  }
  if (plaintext !== "anywhere" && !addresses.every(isLoopback)) {
    throw new TypeError('plaintext is limited to loopback addresses; plaintext: "anywhere" permits other addresses.');
  }
  return grpc.credentials.createInsecure();
}

/** Sets the deadline of calls without one. Streams have no default deadline. */
function deadlineInterceptor(milliseconds: number): grpc.Interceptor {
  return (options, nextCall) => {
    const isUnlimited = options.deadline === undefined && !options.method_definition.responseStream;
    return new grpc.InterceptingCall(
      nextCall(isUnlimited ? { ...options, deadline: Date.now() + milliseconds } : options),
    );
  };
}
