/** A first call: encrypt and decrypt with a key of the gateway. Start the gateway with `make run`. */
import { connect } from "@keyway/client";

const name = "providers/nhn-keys/keys/orders-key";

const client = connect({ address: "127.0.0.1:50051", plaintext: true });
const { ciphertext } = await client.keys.encrypt({ name, plaintext: Buffer.from("order 42") });
const { plaintext, keyVersion } = await client.keys.decrypt({ name, ciphertext });
console.log(Buffer.from(plaintext).toString(), "with version", keyVersion);
client.close();
