/** Selection of the events that are changes for a caller, from the events of consecutive streams. */
import { clone, create } from "@bufbuild/protobuf";

import {
  CertificateEventType as Type,
  type WatchCertificatesResponse,
  WatchCertificatesResponseSchema,
} from "./gen/keyway/v1/certificate_service_pb.js";

/** What the last event of a certificate says. The type RENEWED is stored as CURRENT. */
interface State {
  readonly type: Type;
  readonly version: string;
  readonly reason: string;
}

const REMOVED: State = { type: Type.REMOVED, version: "", reason: "" };

/** The events of all streams of one iteration. */
export class CertificateChanges {
  #token: string;
  readonly #known = new Map<string, State>();
  /** The certificates of this stream. */
  #reported = new Set<string>();
  #isSynced = false;

  constructor(token: string) {
    this.#token = token;
  }

  /** Returns the resume token for a new stream. */
  begin(): string {
    this.#reported = new Set();
    this.#isSynced = false;
    return this.#token;
  }

  /** Takes an event of the stream; returns the events to deliver. */
  add(event: WatchCertificatesResponse): readonly WatchCertificatesResponse[] {
    this.#isSynced ||= event.type === Type.SYNCED;
    // A token from before SYNCED can hide that a certificate no longer exists.
    this.#token = this.#isSynced ? event.resumeToken : "";
    if (event.type !== Type.SYNCED) {
      this.#reported.add(event.name);
      return this.#change(event);
    }
    return event.complete ? [...this.#missing(), event] : [event];
  }

  #change(event: WatchCertificatesResponse): readonly WatchCertificatesResponse[] {
    const old = this.#known.get(event.name);
    const state = stateOf(event, old);
    if (old !== undefined && repeats(state, old) && event.coalescedCount === 0) {
      return [];
    }
    this.#known.set(event.name, state);
    if (event.type === Type.CURRENT && old?.version && old.version !== event.version) {
      const renewed = clone(WatchCertificatesResponseSchema, event);
      renewed.type = Type.RENEWED;
      return [renewed];
    }
    return [event];
  }

  /** Returns a REMOVED event for each known certificate that a complete stream did not report. */
  #missing(): readonly WatchCertificatesResponse[] {
    const names = [...this.#known].filter(([name, { type }]) => !this.#reported.has(name) && type !== Type.REMOVED);
    return names.map(([name]) => {
      this.#known.set(name, REMOVED);
      return create(WatchCertificatesResponseSchema, { type: Type.REMOVED, name, resumeToken: this.#token });
    });
  }
}

function stateOf({ type, version, reason }: WatchCertificatesResponse, old: State | undefined): State {
  switch (type) {
    case Type.RENEWED:
      return { type: Type.CURRENT, version, reason };
    case Type.UNREADABLE: // the caller still has the last version
      return { type, version: old?.version ?? "", reason };
    default:
      return { type, version, reason };
  }
}

/** Returns whether an event says nothing new. CURRENT repeats the version of EXPIRING and EXPIRED, too. */
function repeats(state: State, old: State): boolean {
  const isSame = state.type === old.type && state.reason === old.reason;
  const isKnown = state.type === Type.CURRENT && old.type !== Type.UNREADABLE;
  return state.version === old.version && (isSame || isKnown);
}
