"""A journal with a known history, and the correct answers to the questions in docs/audit.md.

The answers are the same from a gateway, from its directory, and from a central store.
"""

import itertools
import re
import shlex
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc

from keyway.v1 import certificate_service_pb2 as certificates
from keyway.v1 import key_service_pb2 as keys
from keyway.v1.audit_record_pb2 import AUDIT_OUTCOME_UNKNOWN, AuditFilter
from tests.support.audit_queries import ALL_LOGS, FULL_AUDITOR, indexed, records
from tests.support.docs import page
from tests.support.stack import KEY_MANAGER, Stack
from tests.support.trusted import (
    AUDITOR,
    DOMAIN,
    OPERATOR,
    ORDERS,
    CallerStubs,
    Trusted,
    receipt_of,
    request_id_of,
)
from tests.support.valid_requests import valid_request
from tests.support.waiting import eventually

WWW = "providers/nhn-certs/certificates/www.example.com"
ORDERS_KEY = "providers/nhn-keys/keys/orders-key"
SECRET = "providers/nhn-keys/secrets/demo-secret"
WITH_KEY = "DownloadCertificateWithPrivateKey"
_SECTION = re.compile(r"## Questions that auditors ask\n(.*?)\n## ", re.DOTALL)
_COMMAND = "```sh\n"


@dataclass(frozen=True, slots=True)
class History:
    """The history of a gateway. denied: the request ID of a denied call. receipt: that of a download."""

    trusted: Trusted
    denied: str
    receipt: str

    def question(self, command: str) -> list[str]:
        """Return the words of a printed command, with the values of this history."""
        today = datetime.now(UTC).date()
        values = {
            "REQUEST_ID": self.denied,
            "2026-11-29": str(today - timedelta(days=1)),
            "2026-11-30": str(today + timedelta(days=1)),
        }
        # In one pass, because a value can equal another printed date.
        command = re.sub("|".join(values), lambda found: values[found[0]], command)
        return shlex.split(command)


def questions() -> dict[str, str]:
    """Return the questions in docs/audit.md, with their commands."""
    section = _SECTION.search(page("docs/audit.md"))
    assert section is not None
    paragraphs = section[1].strip().split("\n\n")
    return {
        question.partition("?")[0].replace("\n", " "): command.strip("`").removeprefix("sh\n").strip()
        for question, command in itertools.pairwise(paragraphs)
        if command.startswith(_COMMAND)
    }


async def make_history(trusted: Trusted, address: str, stack: Stack) -> History:
    """Make the calls of the history, and wait until they can be found."""
    async with (
        trusted.caller(address, OPERATOR) as operator,
        trusted.caller(address, ORDERS) as orders,
        trusted.caller(address, AUDITOR) as auditor,
        trusted.caller(address, DOMAIN) as nobody,
        trusted.caller(address, FULL_AUDITOR) as full_auditor,
    ):
        made = [
            await _ok(
                operator.certificates.DownloadCertificate(
                    certificates.DownloadCertificateRequest(name=WWW, include_private_key=True)
                )
            ),
            await _ok(operator.certificates.DownloadCertificate(certificates.DownloadCertificateRequest(name=WWW))),
            await _ok(operator.keys.GetSecret(keys.GetSecretRequest(name=SECRET))),
            await _ok(operator.certificates.CreateCertificate(valid_request("CreateCertificate"))),
            await _ok(operator.certificates.DeleteTrustedAuthority(valid_request("DeleteTrustedAuthority"))),
        ]
        for _ in range(3):
            made.append(await _ok(orders.keys.Encrypt(keys.EncryptRequest(name=ORDERS_KEY, plaintext=b"x"))))
        made += [
            await _failed(orders.keys.GetSecret(keys.GetSecretRequest(name=SECRET))),
            await _failed(auditor.keys.Encrypt(keys.EncryptRequest(name=ORDERS_KEY, plaintext=b"x"))),
        ]
        await _failed(nobody.keys.Encrypt(keys.EncryptRequest(name=ORDERS_KEY, plaintext=b"x")))
        await stack.controls[KEY_MANAGER].fail(mode="stall")
        await _failed(orders.keys.Encrypt(keys.EncryptRequest(name=ORDERS_KEY, plaintext=b"x"), timeout=0.5))
        await indexed(full_auditor, *map(request_id_of, made))
        await eventually(lambda: _is_found(full_auditor, AuditFilter(outcome=AUDIT_OUTCOME_UNKNOWN)))
        await eventually(lambda: _is_found(full_auditor, AuditFilter(caller="unknown")))
        return History(trusted, denied=request_id_of(made[-1]), receipt=str(receipt_of(made[0])))


async def _is_found(auditor: CallerStubs, criteria: AuditFilter) -> bool:
    return bool(await records(auditor, parent=ALL_LOGS, filter=criteria))


async def _ok(call: Any) -> Any:
    """Return the trailers of a call that succeeds."""
    await call
    return await call.trailing_metadata()


async def _failed(call: Any) -> Any:
    """Return the trailers of a call that fails."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.trailing_metadata()
    raise AssertionError("the call did not fail")
