"""The surface in audit records: what a caller can state in metadata."""

from pathlib import Path

from keyway.v1 import key_service_pb2 as keys
from tests.support.stack import Stack
from tests.support.trusted import ORDERS, Trusted, record_of, request_id_of

ENCRYPT = keys.EncryptRequest(name="providers/nhn-keys/keys/orders-key", plaintext=b"order 42")
STATED = {"rest": "rest", "kms-v2": "kms-v2", "vault": None, "sds": None, "other": None}


async def test_caller_can_state_only_surfaces_that_are_clients(stack: Stack, tmp_path: Path) -> None:
    trusted = Trusted(tmp_path, stack)
    async with trusted.served() as address, trusted.caller(address, ORDERS) as caller:
        for stated, recorded in STATED.items():
            call = caller.keys.Encrypt(ENCRYPT, metadata=[("keyway-surface", stated)])
            await call
            record = record_of(trusted.audit, request_id_of(await call.trailing_metadata()))
            expected = {"name": recorded, "stated_by_caller": True} if recorded is not None else None
            assert [event["unmapped"].get("surface") for event in record.values()] == [expected, expected]
