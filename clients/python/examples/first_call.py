"""A first call: encrypt and decrypt with a key of the gateway. Start the gateway with `make run`."""

import keyway

KEY = "providers/nhn-keys/keys/orders-key"

with keyway.connect("127.0.0.1:50051", plaintext=True) as client:
    sealed = client.keys.encrypt(name=KEY, plaintext=b"order 42")
    opened = client.keys.decrypt(name=KEY, ciphertext=sealed.ciphertext)
    print(opened.plaintext.decode(), "with version", opened.key_version)
