/** What a failed call throws: the gateway's status, read. Not responsible for envelopes that can't be opened. */
import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import * as grpc from "@grpc/grpc-js";

import { Code } from "./gen/google/rpc/code_pb.js";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "./gen/google/rpc/error_details_pb.js";
import { type Status, StatusSchema } from "./gen/google/rpc/status_pb.js";
import { RECEIPT, REQUEST_ID, STATUS_DETAILS, textOf } from "./trailers.js";

/** A field of the request that breaks the contract. */
export interface Violation {
  readonly field: string;
  readonly description: string;
}

/** A call that failed, by the gateway's word or on the way there. Carries nothing of the request. */
export class KeywayError extends Error {
  override readonly name = "KeywayError";
  /** gRPC's code, such as `Code.NOT_FOUND`. */
  readonly code: Code;
  /** Its name: `NOT_FOUND`. */
  readonly codeName: string;
  /** The gateway's own words, without code, reason and request id. */
  readonly rawMessage: string;
  /** Why, for programs: a name of ErrorReason such as `KEY_NOT_FOUND`. Empty where the gateway did not answer. */
  readonly reason: string;
  /** What belongs to the reason, such as `provider` and `upstream_code`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Every field that breaks the contract, where that is why. */
  readonly violations: readonly Violation[];
  /** The call may be repeated after so long. Absent: only where its method has no side effects. */
  readonly retryDelayMs: number | undefined;
  /** The gateway's id of the call. */
  readonly requestId: string | undefined;
  /** Proves that the call is on record. */
  readonly receipt: string | undefined;

  private constructor(status: Read, cause?: unknown) {
    super(summary(status));
    this.code = status.code;
    this.codeName = status.codeName;
    this.rawMessage = status.rawMessage;
    this.reason = status.reason;
    this.metadata = status.metadata;
    this.violations = status.violations;
    this.retryDelayMs = status.retryDelayMs;
    this.requestId = status.requestId;
    this.receipt = status.receipt;
    if (cause !== undefined) {
      Object.defineProperty(this, "cause", { value: cause, configurable: true, writable: true });
    }
  }

  /** The KeywayError of anything that a stub failed with. */
  static from(error: unknown, cause?: unknown): KeywayError {
    if (error instanceof KeywayError) {
      return error;
    }
    if (!isServiceError(error)) {
      const rawMessage = error instanceof Error ? error.message : String(error);
      return new KeywayError({ ...NOTHING_READ, code: Code.UNKNOWN, codeName: "UNKNOWN", rawMessage }, error);
    }
    const read = new KeywayError(readServiceError(error), cause);
    read.stack = `${read.name}: ${read.message}\n${whereCalled(error) ?? ""}`.trimEnd();
    return read;
  }

  /** Of a call that was cancelled before it was made. */
  static cancelled(cause: unknown): KeywayError {
    const status = { code: Code.CANCELLED, codeName: "CANCELLED", rawMessage: "Cancelled on client" };
    return new KeywayError({ ...NOTHING_READ, ...status }, cause);
  }

  /** Of a `google.rpc.Status`, such as an item of a batch failed with. */
  static fromStatus(status: Status): KeywayError {
    return new KeywayError({ ...NOTHING_READ, ...readStatus(status) });
  }
}

const DOMAIN = "keyway";

type Read = Omit<KeywayError, keyof Error>;

const NOTHING_READ = {
  reason: "",
  metadata: {},
  violations: [],
  retryDelayMs: undefined,
  requestId: undefined,
  receipt: undefined,
};

/** One line: code, reason, message, and the id to quote to the operators. */
function summary({ codeName, reason, rawMessage, requestId }: Read): string {
  const quote = requestId && ` (request ${requestId})`;
  return `${codeName}${reason && ` ${reason}`}: ${rawMessage}${quote ?? ""}`;
}

function readServiceError(error: grpc.ServiceError): Read {
  return {
    ...NOTHING_READ,
    ...readDetails(error.metadata),
    code: error.code as number as Code,
    codeName: grpc.status[error.code] ?? String(error.code),
    rawMessage: error.details,
    requestId: textOf(error.metadata, REQUEST_ID),
    receipt: textOf(error.metadata, RECEIPT),
  };
}

function readDetails(trailers: grpc.Metadata): Partial<Read> {
  const bytes = trailers.get(STATUS_DETAILS)[0];
  if (!Buffer.isBuffer(bytes)) {
    return {};
  }
  try {
    return readStatus(fromBinary(StatusSchema, bytes));
  } catch {
    return {}; // a proxy's own idea of details: the code and message stand without them
  }
}

function readStatus(status: Status): Omit<Read, "requestId" | "receipt"> {
  // A proxy on the way may have reasons of its own.
  const info = unpack(status, ErrorInfoSchema, ({ domain }) => domain === DOMAIN);
  const delay = unpack(status, RetryInfoSchema)?.retryDelay;
  return {
    code: status.code,
    codeName: grpc.status[status.code] ?? String(status.code),
    rawMessage: status.message,
    reason: info?.reason ?? "",
    metadata: { ...info?.metadata },
    violations: (unpack(status, BadRequestSchema)?.fieldViolations ?? []).map(({ field, description }) => ({
      field,
      description,
    })),
    retryDelayMs: delay && Number(delay.seconds) * 1000 + delay.nanos / 1e6,
  };
}

function unpack<S extends DescMessage>(
  status: Status,
  schema: S,
  counts: (message: MessageShape<S>) => boolean = () => true,
): MessageShape<S> | undefined {
  for (const detail of status.details) {
    const message = anyUnpack(detail, schema);
    if (message && counts(message)) {
      return message;
    }
  }
  return undefined;
}

function isServiceError(error: unknown): error is grpc.ServiceError {
  return error instanceof Error && "code" in error && "metadata" in error && error.metadata instanceof grpc.Metadata;
}

/** The lines of the stack where the call was made: grpc-js keeps them after those of where it failed. */
function whereCalled(error: Error): string | undefined {
  return error.stack?.split("\nfor call at\n").at(1);
}
