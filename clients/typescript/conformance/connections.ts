/** The first call over each connection of a list, and its error. */
import { readFileSync } from "node:fs";

import { type ConnectOptions, connect, KeywayError } from "@keyway/client";

interface Connection {
  readonly name: string;
  readonly address: string;
  readonly plaintext?: boolean;
  readonly ca?: string;
  readonly certificate?: string;
  readonly private_key?: string;
  readonly server_name?: string;
  readonly token?: string;
}

/** The result of the first call. */
export interface Result {
  readonly name: string;
  /** Empty if it is not known. */
  readonly problem: string;
  readonly text: string;
  readonly seconds: number;
}

/** Yields the result of each connection in the file `list`. */
export async function* firstCalls(list: string): AsyncGenerator<Result, void, undefined> {
  for (const one of JSON.parse(readFileSync(list, "utf8")) as Connection[]) {
    const began = performance.now();
    const failure = await firstCall(one);
    const text = failure?.message ?? "no error";
    yield { name: one.name, problem: failure?.problem ?? "", text, seconds: (performance.now() - began) / 1000 };
  }
}

async function firstCall(one: Connection): Promise<KeywayError | undefined> {
  using client = connect(optionsOf(one));
  try {
    await client.providers.listProviders({});
  } catch (error) {
    return KeywayError.from(error);
  }
  return undefined;
}

function optionsOf({ address, plaintext, token, ...files }: Connection): ConnectOptions {
  if (plaintext) {
    return { address, plaintext };
  }
  const { ca, certificate, private_key: privateKey, server_name: serverName } = files;
  const tls = {
    ...(ca && { ca }),
    ...(certificate && privateKey && { certificate, privateKey }),
    ...(serverName && { serverName }),
  };
  return { address, tls, token };
}
