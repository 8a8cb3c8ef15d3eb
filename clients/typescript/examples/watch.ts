/** The events of certificates, until Ctrl-C. Start the gateway with `make run`. */
import { CertificateEventType, connect } from "@keyway/client";

const interrupted = new AbortController();
process.once("SIGINT", () => interrupted.abort());

using client = connect({ address: "127.0.0.1:50051", plaintext: true });
try {
  const { signal } = interrupted;
  for await (const event of client.watchCertificates({ parent: "providers/nhn-certs" }, { signal })) {
    console.log(CertificateEventType[event.type], event.name, event.version);
  }
} catch (error) {
  if (!interrupted.signal.aborted) {
    throw error;
  }
}
