/** Envelope encryption: a file is sealed locally; only its data key goes through the gateway. Needs `make run`. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { connect, EnvelopeError } from "@keyway/client";

const key = "providers/nhn-keys/keys/orders-key";

using client = connect({ address: "127.0.0.1:50051", plaintext: true });
const sealer = client.sealer(key);
const opener = client.opener({ keyNames: [key] });
const folder = await mkdtemp(join(tmpdir(), "orders-"));
const [plain, sealed, opened] = [join(folder, "orders.csv"), join(folder, "orders.sealed"), join(folder, "opened.csv")];
try {
  await writeFile(plain, "42,open\n");
  await sealer.sealFile(plain, sealed, { associatedData: "orders of May" });
  await opener.openFile(sealed, opened, { associatedData: "orders of May" });
  process.stdout.write(await readFile(opened));
  await opener.openFile(sealed, opened, { associatedData: "orders of June" });
} catch (error) {
  if (!(error instanceof EnvelopeError)) {
    throw error;
  }
  console.log(error.message);
} finally {
  await rm(folder, { recursive: true });
}
