/** Execution of the conformance cases, and comparison with their expectations. */
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";

import { createRegistry, type DescMethod, fromJson, type JsonObject, type JsonValue, toJson } from "@bufbuild/protobuf";
import {
  AuditService,
  type CallOptions,
  CertificateEventType,
  CertificateService,
  type ConnectOptions,
  KeyService,
  type KeywayClient,
  KeywayError,
  ProviderService,
  pages,
  type Trailers,
  type WatchCertificatesResponse,
} from "@keyway/client";

import { file_google_rpc_error_details } from "../src/gen/google/rpc/error_details_pb.js";
import { connectTo, type Listener, type Sandbox } from "./sandbox.js";

/** A call and its expectation (`tests/clients/cases.yaml`). */
interface Step {
  readonly method: string;
  readonly request?: JsonValue;
  readonly request_metadata?: Readonly<Record<string, string>>;
  readonly deadline_ms?: number;
  readonly cancel_after_ms?: number;
  readonly repeat_pages?: boolean;
  readonly watch?: readonly Round[];
  readonly expect: Expectation;
}

/** A case: a call and further calls of the same client. */
export interface Case extends Step {
  readonly name: string;
  readonly listener?: Listener;
  readonly before?: Before | readonly Before[];
  /** With the listener `jwt`: replaces the token of the sandbox; empty for no token. */
  readonly token?: string;
  /** With the listener `mtls`: whether the client sends a certificate. */
  readonly certificate?: boolean;
  readonly retries?: boolean;
  readonly then?: readonly Step[];
}

/** A part of a watch: control requests, a pause, and the number of events to read. */
interface Round {
  readonly before?: Before | readonly Before[];
  readonly pause_ms?: number;
  readonly events: number;
}

interface Before {
  readonly control: string;
  readonly path: string;
  readonly body?: unknown;
}

interface Expectation {
  readonly status: string;
  readonly response?: JsonValue;
  readonly present?: readonly string[];
  readonly absent?: readonly string[];
  readonly reason?: string;
  readonly metadata?: JsonValue;
  readonly violations?: readonly string[];
  readonly retry_info?: boolean;
  readonly trailers?: readonly string[];
}

interface Outcome {
  readonly response?: JsonValue;
  readonly error?: KeywayError;
  readonly trailers?: Trailers;
}

const SERVICES = {
  audit: AuditService,
  certificates: CertificateService,
  keys: KeyService,
  providers: ProviderService,
};
const DEADLINE_MS = 10_000;
const registry = createRegistry(file_google_rpc_error_details);

/** Returns the difference to the expectation, or undefined. */
export async function runCase(given: Case, sandbox: Sandbox): Promise<string | undefined> {
  await prepare(given, sandbox);
  using client = connectTo(sandbox, given.listener, clientOptions(given, sandbox));
  let first: JsonValue | undefined;
  for (const step of [given, ...(given.then ?? [])]) {
    const outcome = await call(client, { ...step, request: filled(step.request ?? {}, first) }, sandbox);
    first ??= outcome.response ?? {};
    const expected = step.expect.response && { response: filled(step.expect.response, first) };
    const found = differences({ ...step.expect, ...expected }, outcome);
    if (found.length > 0) {
      return `${step.method}: ${found.join("; ")}`;
    }
  }
  return undefined;
}

function clientOptions({ token, certificate, retries = false }: Case, { tls }: Sandbox): Partial<ConnectOptions> {
  return {
    retries,
    ...(token && { token }),
    ...((token === "" || certificate === false) && { token: undefined, tls: { ca: tls.ca } }),
  };
}

async function prepare({ before = [] }: Case, { controls }: Sandbox): Promise<void> {
  for (const url of Object.values(controls)) {
    await control("DELETE", `${url}/faults`);
  }
  await send(before, controls);
}

async function send(before: Before | readonly Before[], controls: Sandbox["controls"]): Promise<void> {
  for (const { control: name, path, body } of [before].flat()) {
    await control("POST", `${controls[name]}${path}`, JSON.stringify(body ?? {}));
  }
}

async function control(method: string, url: string, body?: string): Promise<void> {
  const answer = await fetch(url, { method, ...(body && { body, headers: { "content-type": "application/json" } }) });
  if (!answer.ok) {
    throw new Error(`${method} ${url} returned ${answer.status}: ${await answer.text()}`);
  }
}

/** Replaces "${path}" in `value` by the value in `first`, the first response. */
function filled(value: JsonValue, first: JsonValue | undefined): JsonValue {
  if (typeof value === "string") {
    const path = /^\$\{(.*)\}$/.exec(value)?.[1];
    return path === undefined ? value : at(first, path.split("."));
  }
  if (Array.isArray(value)) {
    return value.map((item) => filled(item, first));
  }
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, filled(member, first)]));
  }
  return value;
}

function at(value: JsonValue | undefined, path: readonly string[]): JsonValue {
  const found = path.reduce<unknown>((outer, key) => (outer as Record<string, unknown> | undefined)?.[key], value);
  if (found === undefined) {
    throw new Error(`The first response has no ${path.join(".")}.`);
  }
  return found as JsonValue;
}

type AnyCall = (request: object, options?: CallOptions) => Promise<{ nextPageToken: string }>;

async function call(client: KeywayClient, given: Step, sandbox: Sandbox): Promise<Outcome> {
  const { invoke, method } = find(client, given.method);
  const request = fromJson(method.input, given.request ?? {}, { registry });
  const controller = new AbortController();
  let trailers: Trailers | undefined;
  const options = {
    deadlineMs: given.deadline_ms ?? DEADLINE_MS,
    signal: controller.signal,
    ...(given.request_metadata && { metadata: given.request_metadata }),
    onTrailers: (seen: Trailers) => {
      trailers = seen;
    },
  };
  const stop = new AbortController();
  if (given.cancel_after_ms !== undefined) {
    sleep(given.cancel_after_ms, undefined, { signal: stop.signal }).then(
      () => controller.abort(),
      () => {},
    );
  }
  try {
    const response = given.watch
      ? await watch(client.watchCertificates(request as never, options), given.watch, sandbox)
      : given.repeat_pages
        ? await allPages(invoke, request, options, method)
        : toJson(method.output, (await invoke(request, options)) as never, { registry });
    return { response, ...(trailers && { trailers }) };
  } catch (error) {
    if (!(error instanceof KeywayError)) {
      throw error;
    }
    return { error, ...(trailers && { trailers }) };
  } finally {
    stop.abort();
  }
}

function find(client: KeywayClient, fullName: string): { invoke: AnyCall; method: DescMethod } {
  const [service, name] = fullName.split("/");
  for (const [key, descriptor] of Object.entries(SERVICES)) {
    const method = descriptor.methods.find((one) => descriptor.typeName === service && one.name === name);
    if (method !== undefined) {
      const calls = client[key as keyof typeof SERVICES] as unknown as Record<string, AnyCall>;
      return { invoke: calls[method.localName] as AnyCall, method };
    }
  }
  throw new Error(`Unknown method ${fullName}.`);
}

async function allPages(
  invoke: AnyCall,
  request: object,
  options: CallOptions,
  method: DescMethod,
): Promise<JsonObject> {
  const field = method.output.fields.find((one) => one.fieldKind === "list" && one.listKind === "message");
  const items: string[] = [];
  let count = 0;
  for await (const page of pages(invoke, request, options)) {
    count += 1;
    const listed = page[field?.localName as keyof typeof page] as unknown as readonly { name: string }[];
    items.push(...listed.map(({ name }) => name));
  }
  return { items, pages: count };
}

/** Returns the events other than SYNCED. */
async function watch(
  source: AsyncGenerator<WatchCertificatesResponse, void, undefined>,
  rounds: readonly Round[],
  { controls }: Sandbox,
): Promise<JsonObject> {
  const events: string[] = [];
  for (const { before = [], pause_ms: pause = 0, events: count } of rounds) {
    await send(before, controls);
    await sleep(pause);
    for (const wanted = events.length + count; events.length < wanted; ) {
      const { value } = await source.next();
      if (value && value.type !== CertificateEventType.SYNCED) {
        events.push(`${CertificateEventType[value.type]} ${value.name}`);
      }
    }
  }
  await source.return();
  return { events };
}

function differences(expected: Expectation, { response, error, trailers }: Outcome): string[] {
  const found: string[] = [];
  const compare = (what: string, wanted: unknown, got: unknown, same = isDeepStrictEqual(wanted, got)) => {
    if (!same) {
      found.push(`${what}: expected ${JSON.stringify(wanted)}, got ${JSON.stringify(got)}`);
    }
  };
  compare("status", expected.status, error === undefined ? "OK" : error.codeName);
  if (found.length > 0) {
    return error === undefined ? found : [...found, error.message];
  }
  if (expected.response !== undefined) {
    compare("response", expected.response, response, contains(response, expected.response));
  }
  for (const [wanted, names] of [
    [true, expected.present ?? []],
    [false, expected.absent ?? []],
  ] as const) {
    for (const name of names) {
      compare(`response has ${name}`, wanted, Boolean((response as JsonObject)[name]));
    }
  }
  if (expected.reason !== undefined) {
    compare("reason", expected.reason, error?.reason);
  }
  if (expected.metadata !== undefined) {
    compare("metadata", expected.metadata, error?.metadata, contains(error?.metadata, expected.metadata));
  }
  if (expected.violations !== undefined) {
    const fields = new Set(error?.violations.map(({ field }) => field));
    compare("violations", [...expected.violations].sort(), [...fields].sort());
  }
  if (expected.retry_info !== undefined) {
    compare("retry_info", expected.retry_info, error?.retryDelayMs !== undefined);
  }
  for (const key of expected.trailers ?? []) {
    compare(`trailer ${key}`, true, (trailers?.metadata.get(key).length ?? 0) > 0);
  }
  return found;
}

/** Returns whether `got` contains `wanted`: objects by member, other values by equality. */
function contains(got: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) {
    return (
      Array.isArray(got) && got.length === wanted.length && wanted.every((item, index) => contains(got[index], item))
    );
  }
  if (typeof wanted === "object" && wanted !== null) {
    return (
      typeof got === "object" &&
      got !== null &&
      Object.entries(wanted).every(([key, value]) => contains((got as Record<string, unknown>)[key], value))
    );
  }
  return got === wanted || (!wanted && got === undefined); // protobuf JSON omits false, 0 and empty values
}
