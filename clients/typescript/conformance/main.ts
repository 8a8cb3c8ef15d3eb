/**
 * The conformance runner of this client. KEYWAY_SANDBOX names the file with the line of JSON from the sandbox,
 * KEYWAY_CASES the file with the cases as JSON.
 *
 *     main.js                        run the cases; print one line of JSON per case
 *     main.js seal KEY AAD_HEX       seal standard input to standard output
 *     main.js open AAD_HEX           open standard input; write nothing for an invalid envelope
 *     main.js open-all LIST          open many envelopes: each line is ENVELOPE OUTPUT AAD_HEX (- for none)
 *     main.js connect LIST           first call over each connection of a list; its error, as JSON
 *     main.js bench seal FILE        bytes per second, as JSON
 *
 * Exit codes: 0 success, also for failed cases; 1 error; 2 wrong usage.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";

import { EnvelopeError, type KeywayClient } from "@keyway/client";

import { benchSeal } from "./bench.js";
import { type Case, runCase } from "./cases.js";
import { firstCalls } from "./connections.js";
import { connectTo, readSandbox } from "./sandbox.js";

const BENCH_KEY = "providers/nhn-keys/keys/orders-key";

async function main([command, ...rest]: readonly string[]): Promise<number> {
  const [first, second] = rest;
  if (command === undefined) {
    await runCases();
  } else if (command === "seal" && first !== undefined && second !== undefined) {
    const associatedData = Buffer.from(second, "hex");
    await withClient((client) =>
      pipeline(client.sealer(first).sealStream(process.stdin, { associatedData }), process.stdout),
    );
  } else if (command === "open" && first !== undefined) {
    const associatedData = Buffer.from(first, "hex");
    await withClient(async (client) => {
      const plaintext = await client.opener().open(await buffer(process.stdin), { associatedData });
      await pipeline([plaintext], process.stdout);
    });
  } else if (command === "open-all" && first !== undefined) {
    await withClient((client) => openAll(client, readFileSync(first, "utf8")));
  } else if (command === "connect" && first !== undefined) {
    for await (const result of firstCalls(first)) {
      print(result);
    }
  } else if (command === "bench" && first === "seal" && second !== undefined) {
    await withClient(async (client) => print(await benchSeal(second, client.sealer(BENCH_KEY))));
  } else {
    console.error("usage: main.js [seal KEY AAD_HEX | open AAD_HEX | open-all LIST | connect LIST | bench seal FILE]");
    return 2;
  }
  return 0;
}

async function runCases(): Promise<void> {
  const path = process.env.KEYWAY_CASES;
  if (path === undefined) {
    throw new Error("KEYWAY_CASES must name the file with the cases.");
  }
  const sandbox = readSandbox();
  for (const one of JSON.parse(readFileSync(path, "utf8")) as Case[]) {
    const why = await runCase(one, sandbox).catch((error: unknown) => `the runner failed: ${error}`);
    print({ case: one.name, passed: why === undefined, why: why ?? "" });
  }
}

/** Prints the result for each line of the list. It creates no output for an envelope that is not opened. */
async function openAll(client: KeywayClient, list: string): Promise<void> {
  for (const line of list.split("\n").filter((text) => text !== "")) {
    const [envelope = "", output = "", associated = ""] = line.split(" ");
    const associatedData = Buffer.from(associated.replace("-", ""), "hex");
    let result = "opened";
    try {
      writeFileSync(output, await client.opener().open(readFileSync(envelope), { associatedData }));
    } catch (error) {
      result = error instanceof EnvelopeError ? "refused" : "failed";
    }
    process.stdout.write(`${result}\n`);
  }
}

async function withClient(use: (client: KeywayClient) => Promise<void>): Promise<void> {
  using client = connectTo(readSandbox());
  await use(client);
}

function print(result: object): void {
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(String(error));
  process.exitCode = 1;
}
