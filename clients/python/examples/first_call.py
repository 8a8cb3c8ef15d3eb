"""A first call: encrypt and decrypt with a key that the gateway knows. Needs a gateway from `make run`."""

import grpc

from keyway.v1 import key_service_pb2 as keys
from keyway.v1 import key_service_pb2_grpc

with grpc.insecure_channel("127.0.0.1:50051") as channel:
    service = key_service_pb2_grpc.KeyServiceStub(channel)
    name = "providers/nhn-keys/keys/orders-key"
    sealed = service.Encrypt(keys.EncryptRequest(name=name, plaintext=b"order 42"), timeout=5)
    opened = service.Decrypt(keys.DecryptRequest(name=name, ciphertext=sealed.ciphertext), timeout=5)
    print(opened.plaintext.decode(), "with version", opened.key_version)
