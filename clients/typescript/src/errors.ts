/** KeywayError: the details of a failed call. */
import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import * as grpc from "@grpc/grpc-js";

import { Code } from "./gen/google/rpc/code_pb.js";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "./gen/google/rpc/error_details_pb.js";
import { type Status, StatusSchema } from "./gen/google/rpc/status_pb.js";
import { BY_MESSAGE, BY_REASON, PROBLEMS, type Problem } from "./gen/problems.js";
import { RECEIPT, REQUEST_ID, STATUS_DETAILS, textOf } from "./trailers.js";

/** An invalid field of the request. */
export interface Violation {
  readonly field: string;
  readonly description: string;
}

/** A failed call. It contains no data of the request. */
export class KeywayError extends Error {
  override readonly name = "KeywayError";
  /** The gRPC status code, such as `Code.NOT_FOUND`. */
  readonly code: Code;
  /** The name of the code, such as `NOT_FOUND`. */
  readonly codeName: string;
  /** The message of the gateway, without code, reason, and request ID; or the sentence of the problem if the client cannot connect. */
  readonly rawMessage: string;
  /** Why the client cannot connect, or why the gateway rejects the caller, if that is known. */
  readonly problem: Problem | undefined;
  /** A name of ErrorReason such as `KEY_NOT_FOUND`. Empty if the error does not come from the gateway. */
  readonly reason: string;
  /** Details of the reason, such as `provider` and `upstream_code`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** All invalid fields of the request. */
  readonly violations: readonly Violation[];
  /** Milliseconds to wait before a retry. Present only if a retry is safe. */
  readonly retryDelayMs: number | undefined;
  /** The gateway's id of the call. */
  readonly requestId: string | undefined;
  /** The receipt of the call's record in the journal. */
  readonly receipt: string | undefined;

  private constructor(status: Read, cause?: unknown) {
    super(summary(status));
    this.code = status.code;
    this.codeName = status.codeName;
    this.rawMessage = status.rawMessage;
    this.problem = status.problem;
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

  /** Returns the KeywayError for an error of a stub. */
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

  /** Returns the KeywayError for a call that was canceled before its start. */
  static cancelled(cause: unknown): KeywayError {
    const status = { code: Code.CANCELLED, codeName: "CANCELLED", rawMessage: "Cancelled on client" };
    return new KeywayError({ ...NOTHING_READ, ...status }, cause);
  }

  /** Returns this error with the sentence of a problem as its message. The error of grpc-js is its cause. */
  explained(problem: Problem, cause: unknown): KeywayError {
    const made = new KeywayError({ ...this, problem, rawMessage: PROBLEMS[problem] }, this.cause ?? cause);
    made.stack = (this.stack ?? "").replace(`${this.name}: ${this.message}`, () => `${made.name}: ${made.message}`);
    return made;
  }

  /** Returns the KeywayError for a `google.rpc.Status`, such as the error of an item of a batch. */
  static fromStatus(status: Status): KeywayError {
    return new KeywayError({ ...NOTHING_READ, ...readStatus(status) });
  }
}

const DOMAIN = "keyway";

type Read = Omit<KeywayError, keyof Error | "explained">;

const NOTHING_READ = {
  reason: "",
  problem: undefined,
  metadata: {},
  violations: [],
  retryDelayMs: undefined,
  requestId: undefined,
  receipt: undefined,
};

/** Returns one line: code, reason, message, how to fix the problem, and request id. */
function summary({ codeName, reason, rawMessage, problem, requestId }: Read): string {
  const name = reason === codeName ? codeName : `${codeName}${reason && ` ${reason}`}`;
  const fix = reason && problem ? PROBLEMS[problem].replace(/^.*?(?=: )/, "") : "";
  const quote = requestId && ` (request ${requestId})`;
  return `${name}: ${rawMessage}${fix}${quote ?? ""}`;
}

/** Returns the problem that an error of the gateway states, if it is about the caller. */
function problemOf(reason: string, message: string): Problem | undefined {
  return reason === "UNAUTHENTICATED" ? BY_MESSAGE.get(message) : BY_REASON.get(reason);
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
    return {}; // malformed details, for example from a proxy: use the code and the message
  }
}

function readStatus(status: Status): Omit<Read, "requestId" | "receipt"> {
  // A proxy can add an ErrorInfo of its own domain.
  const info = unpack(status, ErrorInfoSchema, ({ domain }) => domain === DOMAIN);
  const delay = unpack(status, RetryInfoSchema)?.retryDelay;
  return {
    code: status.code,
    codeName: grpc.status[status.code] ?? String(status.code),
    rawMessage: status.message,
    reason: info?.reason ?? "",
    problem: problemOf(info?.reason ?? "", status.message),
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

/** Returns the stack of the caller, which grpc-js appends to the stack of the failure. */
function whereCalled(error: Error): string | undefined {
  return error.stack?.split("\nfor call at\n").at(1);
}
