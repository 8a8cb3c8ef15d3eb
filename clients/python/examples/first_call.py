"""A first call: encrypt and decrypt with a key that the gateway knows. Needs a gateway from `make run`."""

import keyway
from keyway.v1 import key_service_pb2 as keys

KEY = "providers/nhn-keys/keys/orders-key"

with keyway.connect("127.0.0.1:50051", plaintext=True) as client:
    sealed = client.keys.Encrypt(keys.EncryptRequest(name=KEY, plaintext=b"order 42"))
    opened = client.keys.Decrypt(keys.DecryptRequest(name=KEY, ciphertext=sealed.ciphertext))
    print(opened.plaintext.decode(), "with version", opened.key_version)
