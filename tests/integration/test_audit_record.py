"""Audit records of successful, failed, rejected, and canceled calls, made over the wire and read from the files."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from gateway.journal.format.segments import chain_folder, read_records
from gateway.server import audit_recorder
from keyway.v1 import certificate_service_pb2 as certificates
from keyway.v1 import key_service_pb2 as keys
from keyway.v1 import provider_service_pb2 as providers
from tests.support.stack import CERTIFICATE_MANAGER, KEY_MANAGER, Stack
from tests.support.trusted import (
    AUDITOR,
    OPERATOR,
    ORDERS,
    UNAUTHORIZED,
    CallerStubs,
    Trusted,
    receipt_of,
    record_of,
    request_id_of,
)
from tests.support.waiting import eventually

KEY = "providers/nhn-keys/keys/orders-key"
LOOPBACK = {"127.0.0.1", "::1"}
ENCRYPT = keys.EncryptRequest(name=KEY, plaintext=b"order 42: 4 cups of hunter2")


@pytest.fixture
async def stack(running_stack: Stack) -> AsyncIterator[Stack]:
    await running_stack.reset()
    yield running_stack
    await running_stack.reset()


@pytest.fixture
async def trusted(tmp_path: Path, stack: Stack) -> Trusted:
    return Trusted(tmp_path, stack)


@contextlib.asynccontextmanager
async def calling(trusted: Trusted, name: str = OPERATOR) -> AsyncIterator[CallerStubs]:
    async with trusted.served() as address, trusted.caller(address, name) as caller:
        yield caller


async def refused(call: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


async def test_successful_call_is_recorded_and_its_receipt_names_the_outcome(trusted: Trusted) -> None:
    async with calling(trusted, ORDERS) as caller:
        call = caller.keys.Encrypt(ENCRYPT, metadata=[("x-request-id", "order-42"), ("x-service-name", "shop")])
        answer = await call
        trailers = await call.trailing_metadata()
        record = record_of(trusted.audit, request_id_of(trailers))
    assert record.keys() == {"intent", "outcome"}
    for event in record.values():
        assert event["api"]["operation"] == "keyway.v1.KeyService/Encrypt"
        assert event["actor"]["user"]["name"] == ORDERS
        assert event["actor"]["app_name"] == "shop"
        assert event["actor"]["authorizations"][0]["policy"] == {"uid": "orders-use-their-keys"}
        assert event["resources"][0]["name"] == KEY
        assert event["observables"][0]["value"] == "order-42"
        assert event["src_endpoint"]["ip"] in LOOPBACK
        assert event["http_request"]["user_agent"].startswith("grpc-python")
        assert event["api"]["request"]["data"]["plaintext"].keys() == {"hmac_sha256"}
    outcome = record["outcome"]
    assert (outcome["status_id"], outcome["status_code"]) == (1, "OK")
    assert outcome["unmapped"]["key_version"] == answer.key_version
    (attempt,) = outcome["unmapped"]["attempts"]
    assert (attempt["provider"], attempt["http_status"]) == ("nhn-keys", 200)
    receipt = receipt_of(trailers)
    (stored,) = (each for each in read_records(chain_folder(trusted.audit, 0)) if each.record.receipt == receipt)
    assert stored.record.value() == outcome


async def test_upstream_failure_is_recorded(trusted: Trusted) -> None:
    async with calling(trusted) as caller:
        error = await refused(caller.keys.Encrypt(keys.EncryptRequest(name=f"{KEY}-missing", plaintext=b"x")))
    record = record_of(trusted.audit, request_id_of(error.trailing_metadata()))
    outcome = record["outcome"]
    assert (outcome["status_id"], outcome["status_code"], outcome["status_detail"]) == (2, "NOT_FOUND", "KEY_NOT_FOUND")
    assert outcome["unmapped"]["http_status"] == 400
    assert outcome["api"]["response"]["error_message"]
    assert receipt_of(error.trailing_metadata()).sequence > 1


async def test_denied_call_is_recorded_and_not_sent(trusted: Trusted, stack: Stack) -> None:
    await stack.controls[KEY_MANAGER].forget_requests()
    async with calling(trusted, AUDITOR) as caller:
        error = await refused(caller.keys.Encrypt(ENCRYPT))
    assert error.code() == grpc.StatusCode.PERMISSION_DENIED
    record = record_of(trusted.audit, request_id_of(error.trailing_metadata()))
    assert record["intent"]["action"] == record["outcome"]["action"] == "Denied"
    assert record["outcome"]["status_detail"] == "PERMISSION_DENIED"
    assert record["outcome"]["actor"]["user"]["uid"] == AUDITOR
    assert await stack.controls[KEY_MANAGER].requests() == []


async def test_invalid_request_is_recorded(trusted: Trusted) -> None:
    async with calling(trusted) as caller:
        invalid = await refused(caller.keys.Encrypt(keys.EncryptRequest(name="providers/nhn-keys/keys/..")))
    record = record_of(trusted.audit, request_id_of(invalid.trailing_metadata()))
    assert record["outcome"]["status_detail"] == "INVALID_REQUEST"
    assert "attempts" not in record["outcome"]["unmapped"]


@pytest.mark.parametrize("method", ["Encrypt", "BatchEncrypt"])
async def test_record_of_an_undecodable_message_names_the_caller(trusted: Trusted, method: str) -> None:
    async with calling(trusted, ORDERS) as caller:
        raw: Any = caller.channel.unary_unary(f"/keyway.v1.KeyService/{method}")
        undecodable = await refused(raw(b"\xff"))
    assert undecodable.code() == grpc.StatusCode.INVALID_ARGUMENT
    record = record_of(trusted.audit, request_id_of(undecodable.trailing_metadata()))
    for event in record.values():
        assert event["actor"]["user"]["name"] == ORDERS
        assert event["src_endpoint"]["ip"] in LOOPBACK
        assert "resources" not in event
        assert "data" not in event["api"]["request"]
    assert record["outcome"]["status_detail"] == "INVALID_REQUEST"
    assert [event["metadata"]["event_code"] for event in trusted.events()] == ["intent", "outcome"]


async def test_rate_limited_call_is_recorded(trusted: Trusted) -> None:
    trusted.configuration["limits"] = {"callers": {ORDERS: {"rate": 1, "burst": 1, "concurrency": 5}}}
    async with calling(trusted, ORDERS) as caller:
        await caller.keys.Encrypt(ENCRYPT)
        error = await refused(caller.keys.Encrypt(ENCRYPT))
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    record = record_of(trusted.audit, request_id_of(error.trailing_metadata()))
    assert record["outcome"]["status_detail"] == "CALLER_RATE_LIMITED"
    assert record["outcome"]["action"] == "Allowed"


async def test_canceled_call_is_recorded_with_an_unknown_result(trusted: Trusted, stack: Stack) -> None:
    control = stack.controls[KEY_MANAGER]
    await control.forget_requests()
    await control.fail(mode="stall")
    async with calling(trusted) as caller:
        call = caller.keys.Encrypt(ENCRYPT)
        task = asyncio.ensure_future(call)

        async def arrived() -> bool:
            return bool(await control.requests())

        await eventually(arrived)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        async def recorded() -> bool:
            return any(event["metadata"]["event_code"] == "outcome" for event in trusted.events())

        await eventually(recorded)
    (outcome,) = (event for event in trusted.events() if event["metadata"]["event_code"] == "outcome")
    assert (outcome["status_id"], outcome["status"], outcome["status_code"]) == (0, "Unknown", "CANCELLED")


async def test_call_over_its_deadline_is_recorded_with_an_unknown_result(trusted: Trusted, stack: Stack) -> None:
    await stack.controls[KEY_MANAGER].fail(mode="stall")
    async with calling(trusted) as caller:
        error = await refused(caller.keys.Encrypt(ENCRYPT, timeout=0.5))
        assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED

        async def recorded() -> bool:
            return any(event["metadata"]["event_code"] == "outcome" for event in trusted.events())

        await eventually(recorded)
    (outcome,) = (event for event in trusted.events() if event["metadata"]["event_code"] == "outcome")
    assert (outcome["status_id"], outcome["status_code"]) == (0, "DEADLINE_EXCEEDED")


async def test_lost_connection_is_recorded_with_an_unknown_result(trusted: Trusted, stack: Stack) -> None:
    await stack.controls[KEY_MANAGER].fail(mode="close")
    async with calling(trusted) as caller:
        error = await refused(caller.keys.Encrypt(ENCRYPT))
    outcome = record_of(trusted.audit, request_id_of(error.trailing_metadata()))["outcome"]
    assert (outcome["status_id"], outcome["status_detail"]) == (0, "PROVIDER_CONNECTION_LOST")


class TestBatches:
    async def test_too_large_batch_reserves_little_space(self, trusted: Trusted) -> None:
        """A caller without permissions can send such a batch, so the journal reserves no space for its items."""
        names = [f"{number}".rjust(1000, "n") for number in range(1000)]
        items = [keys.EncryptRequest(name=f"providers/nhn-keys/keys/{name}", plaintext=b"x") for name in names]
        async with calling(trusted, UNAUTHORIZED) as caller:
            send: Any = caller.channel.unary_unary("/keyway.v1.KeyService/BatchEncrypt")
            many = await refused(send(b"\x0a\x00" * 2_000_000))
            long = await refused(caller.keys.BatchEncrypt(keys.BatchEncryptRequest(requests=items)))
            held = (chain_folder(trusted.audit, 0) / "reserve").stat().st_size
        assert many.details() == "requests: must have 1 to 1000 items"
        assert long.details() == "requests: must have names with a total of at most 131072 characters"
        assert held <= 4 << 20
        first = record_of(trusted.audit, request_id_of(many.trailing_metadata()))
        assert first["intent"]["api"]["request"]["data"] == {"requests": {"items": 1001}}, "no more were ever decoded"
        for error in (many, long):
            record = record_of(trusted.audit, request_id_of(error.trailing_metadata()))
            assert record["outcome"]["status_code"] == "INVALID_ARGUMENT"
            assert record["outcome"]["actor"]["user"]["uid"] == UNAUTHORIZED
            # A collector takes records of 4 MiB.
            assert max(len(json.dumps(event)) for event in record.values()) < 1 << 20

    async def test_each_batch_item_is_authorized_and_recorded(self, trusted: Trusted) -> None:
        other = "providers/nhn-keys/keys/demo-aes"
        items = [ENCRYPT, keys.EncryptRequest(name=other, plaintext=b"x"), keys.EncryptRequest(name=KEY + "/..")]
        async with calling(trusted, ORDERS) as caller:
            call = caller.keys.BatchEncrypt(keys.BatchEncryptRequest(requests=items))
            answer = await call
            record = record_of(trusted.audit, request_id_of(await call.trailing_metadata()))
        assert answer.results[0].HasField("response")
        assert answer.results[1].error.code == grpc.StatusCode.PERMISSION_DENIED.value[0]
        decisions = record["intent"]["actor"]["authorizations"]
        assert [each["decision"] for each in decisions] == ["allow", "deny", "deny"]
        targets = record["intent"]["unmapped"]["authorizations"]
        assert [each["resource"] for each in targets] == [KEY, other, KEY + "/.."]
        items = record["outcome"]["unmapped"]["items"]
        assert [(each["name"], each["code"]) for each in items][:2] == [(KEY, "OK"), (other, "PERMISSION_DENIED")]
        assert items[2]["reason"] == "PERMISSION_DENIED"  # no policy can permit an invalid name


class TestLists:
    async def test_forbidden_items_are_omitted_from_lists(self, trusted: Trusted) -> None:
        with (trusted.folder / "policies.cedar").open("a") as file:
            file.write(
                'permit (principal == Keyway::Caller::"spiffe://example.org/unauthorized", '
                'action in [Keyway::Action::"ListCertificates", Keyway::Action::"ListProviders"], '
                'resource in Keyway::Provider::"providers/nhn-certs");'
            )
        async with calling(trusted, UNAUTHORIZED) as caller:
            listed = await caller.certificates.ListCertificates(
                certificates.ListCertificatesRequest(parent="providers/-")
            )
            seen = await caller.providers.ListProviders(providers.ListProvidersRequest())
        assert {each.name.split("/")[1] for each in listed.certificates} == {"nhn-certs"}
        assert [each.name for each in seen.providers] == ["providers/nhn-certs"]

    async def test_list_without_any_permission_is_denied(self, trusted: Trusted) -> None:
        async with calling(trusted, UNAUTHORIZED) as caller:
            error = await refused(
                caller.certificates.ListCertificates(certificates.ListCertificatesRequest(parent="providers/-"))
            )
        assert error.code() == grpc.StatusCode.PERMISSION_DENIED


class TestPrivateKeys:
    NAME = "providers/nhn-certs/certificates/www.example.com"

    async def test_download_with_the_private_key_is_a_separate_action(self, trusted: Trusted, stack: Stack) -> None:
        policies = (trusted.folder / "policies.cedar").read_text()
        (trusted.folder / "policies.cedar").write_text(
            policies.replace("operators-read-keys", "x").split('@id("x")')[0]
        )
        async with calling(trusted) as caller:
            await caller.certificates.DownloadCertificate(certificates.DownloadCertificateRequest(name=self.NAME))
            await stack.controls[CERTIFICATE_MANAGER].forget_requests()
            error = await refused(
                caller.certificates.DownloadCertificate(
                    certificates.DownloadCertificateRequest(name=self.NAME, include_private_key=True)
                )
            )
        assert error.code() == grpc.StatusCode.PERMISSION_DENIED
        assert await stack.controls[CERTIFICATE_MANAGER].requests() == []
        outcome = record_of(trusted.audit, request_id_of(error.trailing_metadata()))["outcome"]
        assert outcome["unmapped"]["authorizations"][0]["action"] == "DownloadCertificateWithPrivateKey"


async def test_responses_to_many_rejected_calls_are_delayed(trusted: Trusted, monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller must not fill the disk with records of rejections. Other callers are not delayed."""
    # A slow machine rejects fewer calls per second than the usual rate, and then delays none.
    monkeypatch.setattr(audit_recorder, "_REJECTION_RATE", 5.0)
    trusted.configuration["drain_timeout"] = 0
    async with trusted.served() as address, trusted.caller(address, AUDITOR) as auditor:
        async with trusted.caller(address, ORDERS) as orders:
            asking = [asyncio.ensure_future(refused(auditor.keys.Encrypt(ENCRYPT))) for _ in range(200)]

            async def most_are_recorded() -> bool:
                return trusted_outcomes(trusted) >= 200

            await eventually(most_are_recorded)
            await orders.keys.Encrypt(ENCRYPT)
            held_back = [task for task in asking if not task.done()]
        assert held_back
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)


def trusted_outcomes(trusted: Trusted) -> int:
    return sum(event["metadata"]["event_code"] == "outcome" for event in trusted.events())
