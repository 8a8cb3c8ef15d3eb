"""Calls that encrypt and decrypt with a key of the demo, each over a channel of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc

from keyway.v1 import key_service_pb2 as keys
from keyway.v1 import key_service_pb2_grpc

KEY = "providers/nhn-keys/keys/orders-key"
PLAINTEXT = b"plaintext-that-no-log-shows"


@asynccontextmanager
async def key_service(address: str) -> AsyncIterator["key_service_pb2_grpc.KeyServiceAsyncStub"]:
    async with grpc.aio.insecure_channel(address) as channel:
        yield key_service_pb2_grpc.KeyServiceStub(channel)


async def encrypt(address: str, *, seconds: float = 20) -> str:
    async with key_service(address) as stub:
        answer = await stub.Encrypt(keys.EncryptRequest(name=KEY, plaintext=PLAINTEXT), timeout=seconds)
    return str(answer.ciphertext)


async def decrypt(address: str, ciphertext: str) -> bytes:
    async with key_service(address) as stub:
        answer = await stub.Decrypt(keys.DecryptRequest(name=KEY, ciphertext=ciphertext), timeout=20)
    return bytes(answer.plaintext)
