/** Details of a failed call, and the pages of a list. Start the gateway with `make run`. */
import { Code, connect, KeywayError, pages } from "@keyway/client";

using client = connect({ address: "127.0.0.1:50051", plaintext: true });
try {
  await client.keys.encrypt({ name: "providers/nhn-keys/keys/no-such-key", plaintext: Buffer.from("x") });
} catch (error) {
  if (!(error instanceof KeywayError && error.code === Code.NOT_FOUND)) {
    throw error;
  }
  console.log(error.reason, error.metadata.provider);
}

for await (const certificate of client.listCertificates({ parent: "providers/-" })) {
  console.log(certificate.name);
}
for await (const page of pages(client.certificates.listCertificates, { parent: "providers/-", pageSize: 5 })) {
  console.log(page.certificates.length, "of", page.totalSize, page.unreachable);
}
