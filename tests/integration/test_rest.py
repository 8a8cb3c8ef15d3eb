"""REST/JSON through Envoy: what is rejected and how, headers, names, and streams."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from deploy.envoy.rest_demo import configuration, running_envoy
from tests.support import programs
from tests.support.envoy_sds_proxy import two_ports
from tests.support.rest import Rest, encoded, running_rest

KEY = "/v1/providers/nhn-keys/keys/orders-key"
CERTIFICATE = "/v1/providers/nhn-certs/certificates/www.example.com"
ASTERIA = "/v1/providers/asteria/certificates/server"
PLAINTEXT = encoded(b"hello")
SECRET = "kept-from-errors"

pytestmark = pytest.mark.xdist_group("rest")  # one gateway for all tests


@pytest.fixture(scope="module")
async def rest(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rest]:
    async with running_rest(tmp_path_factory.mktemp("rest")) as running:
        yield running


async def test_success_has_the_request_id_and_the_receipt_as_headers(rest: Rest) -> None:
    encrypted = await rest.send("POST", f"{KEY}:encrypt", {"plaintext": PLAINTEXT})
    assert encrypted.status == 200
    assert encrypted.headers["cache-control"] == "no-store"
    assert not {name for name in encrypted.headers if name.startswith("grpc-")}
    request_id, receipt = encrypted.headers["keyway-request-id"], encrypted.headers["keyway-audit-receipt"]
    found = await rest.get_indexed(f"/v1/auditLogs/-/records:get?receipt={receipt}")
    assert found.json()["record"]["requestId"] == request_id
    decrypted = await rest.send("POST", f"{KEY}:decrypt", {"ciphertext": encrypted.json()["ciphertext"]})
    assert decrypted.json()["plaintext"] == PLAINTEXT


async def test_error_has_details_and_the_same_headers(rest: Rest) -> None:
    failed = await rest.send("POST", "/v1/providers/nhn-keys/keys/nobody:encrypt", {"plaintext": PLAINTEXT})
    assert (failed.status, failed.reason) == (404, "KEY_NOT_FOUND")
    assert failed.json()["code"] == 5
    details = {detail["@type"].rpartition(".")[2]: detail for detail in failed.json()["details"]}
    assert details["RequestInfo"]["requestId"] == failed.headers["keyway-request-id"]
    assert details["ResourceInfo"]["resourceName"] == "providers/nhn-keys/keys/nobody"
    assert failed.headers["keyway-audit-receipt"]
    assert failed.headers["cache-control"] == "no-store"


async def test_record_names_the_caller_the_surface_and_the_callers_own_id(rest: Rest) -> None:
    sent = await rest.send("GET", f"{CERTIFICATE}:check", x_request_id="build-17", keyway_surface="kms-v2")
    found = await rest.get_indexed(f"/v1/auditLogs/-/records:get?requestId={sent.headers['keyway-request-id']}")
    record = found.json()["record"]
    assert (record["caller"], record["callerRequestId"]) == ("sub:sandbox", "build-17")
    assert record["surface"] == "rest"


@pytest.mark.parametrize("authorization", ["Bearer nobody", ""])
async def test_request_without_a_valid_token_is_rejected(rest: Rest, authorization: str) -> None:
    rejected = await rest.send("GET", "/v1/providers", authorization=authorization)
    assert (rejected.status, rejected.json()["code"]) == (401, 16)
    assert "keyway-request-id" not in rejected.headers


async def test_token_in_the_url_is_not_accepted(rest: Rest) -> None:
    rejected = await rest.send("GET", f"/v1/providers?access_token={rest.ready['token']}", authorization="")
    assert rejected.status == 401
    assert rest.ready["token"] not in rejected.text


async def test_denied_call_is_rejected_by_policy(rest: Rest) -> None:
    denied = await rest.send("GET", "/v1/providers/nhn-keys/secrets/demo-secret")
    assert (denied.status, denied.reason) == (403, "PERMISSION_DENIED")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"plaintext": PLAINTEXT, "plain_text": SECRET}, "plain_text"),
        ({"plaintext": PLAINTEXT, "x" * 200: SECRET}, "x" * 100),
        ({"plaintext": PLAINTEXT, 'a"\n\u00e9': SECRET}, ""),
        ({"plaintext": SECRET + "!"}, "plaintext"),
        ('{"plaintext": "aGVsbG8=", "n\\u0061me": "providers/nhn-keys/keys/other"}', ""),
    ],
)
async def test_unknown_or_invalid_field_of_a_body_is_named(rest: Rest, body: Any, field: str) -> None:
    rejected = await rest.send("POST", f"{KEY}:encrypt", body)
    assert (rejected.status, rejected.reason) == (400, "INVALID_REQUEST")
    details = {detail["@type"].rpartition(".")[2]: detail for detail in rejected.json()["details"]}
    (violation,) = details["BadRequest"]["fieldViolations"]
    assert violation["field"] == field or not field
    assert SECRET not in rejected.text


async def test_unknown_field_within_a_list_is_named(rest: Rest) -> None:
    items = [{"name": "providers/nhn-keys/keys/orders-key"}, {"name": "x", "plain": SECRET}]
    rejected = await rest.send("POST", "/v1/keys:batchEncrypt", {"requests": items})
    assert rejected.status == 400
    assert rejected.json()["message"].startswith("requests[1].plain: ")


@pytest.mark.parametrize(
    "body",
    [
        f'{{"plaintext": "{SECRET}',
        f"{{'plaintext': '{SECRET}'}}",
        f'{{plaintext: "{SECRET}"}}',
        f'{{"plaintext": "{SECRET}",}}',
        f'{{"plaintext": "{SECRET}"}} {{}}',
        f'["{SECRET}"]',
        f'"{SECRET}"',
        '{"encoding": ' + "[" * 50_000 + "]" * 50_000 + "}",
        f'{{"encoding": "{SECRET}\\ud800"}}',
        f'{{"encoding": "{SECRET}"}}',
        f'{{"plaintext": {{"{SECRET}": 1}}}}',
        '{"plaintext": 17}',
        '{"plaintext": ["aGVsbG8="]}',
        b'{"encoding": "\xff' + SECRET.encode() + b'"}',
    ],
)
async def test_malformed_body_is_rejected_and_not_repeated(rest: Rest, body: str) -> None:
    rejected = await rest.send("POST", f"{KEY}:encrypt", body)
    assert (rejected.status, rejected.json()["code"]) == (400, 3), rejected.text
    assert SECRET not in rejected.text


async def test_large_body_reaches_the_gateway(rest: Rest) -> None:
    target = "/v1/providers/asteria/trustStores/server/authorities:import"
    rejected = await rest.send("POST", target, {"content": encoded(b"not a certificate" * 200_000)})
    assert (rejected.status, rejected.reason) == (400, "UNPARSABLE_CERTIFICATE")


@pytest.mark.parametrize("body", ['{"plaintext": "Pz8\\/"}', '{"plaintext": "Pz8_"}', '{ "plaintext"\n:\t"Pz8/" }'])
async def test_every_form_of_base64_and_json_is_accepted(rest: Rest, body: str) -> None:
    encrypted = await rest.send("POST", f"{KEY}:encrypt", body)
    decrypted = await rest.send("POST", f"{KEY}:decrypt", {"ciphertext": encrypted.json()["ciphertext"]})
    assert decrypted.json()["plaintext"] == "Pz8/"


async def test_body_with_too_many_values_is_rejected_before_it_is_converted(rest: Rest) -> None:
    rejected = await rest.send("POST", "/v1/keys:batchEncrypt", {"requests": [{}] * 1_000_000})
    assert (rejected.status, rejected.reason) == (400, "INVALID_REQUEST")
    assert "keyway-request-id" not in rejected.headers


async def test_body_that_is_too_large_is_rejected(rest: Rest) -> None:
    rejected = await rest.send("POST", f"{KEY}:encrypt", '{"plaintext": "' + "A" * (7 << 20) + '"}')
    assert (rejected.status, rejected.json()["code"]) == (413, 8)


@pytest.mark.parametrize(
    ("verb", "target", "named"),
    [
        ("GET", "/v1/providers?page=1", "page"),
        ("GET", "/v1/providers?page%53ize=1", ""),
        ("GET", "/v1/auditLogs/-/records?filter.user=me", "user"),
        ("POST", f"{KEY}:encrypt?plaintext=aGVsbG8=", ""),
        ("GET", f"{ASTERIA}?keystorePassword={SECRET}", "keystorePassword"),
        ("GET", f"{ASTERIA}?keystore_password={SECRET}", "keystore_password"),
        ("GET", f"{ASTERIA}?name=providers/nhn-certs/certificates/www.example.com", "name"),
        ("GET", "/v1/providers?pageSize=many", "page_size"),
    ],
)
async def test_query_parameter_that_does_not_fit_is_rejected(rest: Rest, verb: str, target: str, named: str) -> None:
    rejected = await rest.send(verb, target)
    assert (rejected.status, rejected.json()["code"]) == (400, 3)
    assert named in rejected.json()["message"]
    assert SECRET not in rejected.text


async def test_path_that_is_too_long_is_rejected(rest: Rest) -> None:
    rejected = await rest.send("GET", "/v1/providers?pageToken=" + "A" * 20_000)
    assert (rejected.status, rejected.json()["code"]) == (431, 8)


async def test_body_of_a_method_without_one_is_rejected(rest: Rest) -> None:
    assert (await rest.send("GET", "/v1/providers", {"pageSize": 1})).status == 400


async def test_name_in_the_body_must_be_that_of_the_path(rest: Rest) -> None:
    other = {"plaintext": PLAINTEXT, "name": "providers/nhn-keys/keys/demo-aes"}
    assert (await rest.send("POST", f"{KEY}:encrypt", other)).status == 400
    same = {"plaintext": PLAINTEXT, "name": "providers/nhn-keys/keys/orders-key"}
    assert (await rest.send("POST", f"{KEY}:encrypt", same)).status == 200


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "/"),
        ("GET", "/v1"),
        ("GET", "/v2/providers"),
        ("PUT", "/v1/providers"),
        ("GET", f"{KEY}:encrypt"),
        ("POST", "/keyway.v1.KeyService/Encrypt"),
        ("POST", "/grpc.health.v1.Health/Check"),
        ("GET", "/v1/../admin"),
    ],
)
async def test_unknown_path_is_not_found(rest: Rest, verb: str, path: str) -> None:
    rejected = await rest.send(verb, path)
    assert (rejected.status, rejected.json()["code"]) == (404, 5)


@pytest.mark.parametrize("target", [f"{ASTERIA.rpartition('/')[0]}/", f"{KEY}/:encrypt"])
async def test_other_forms_of_a_path_do_not_avoid_the_checks(rest: Rest, target: str) -> None:
    rejected = await rest.send("POST", target, {"plaintext": PLAINTEXT, "unknown": 1, "keySize": SECRET})
    assert (rejected.status, rejected.json()["code"]) == (404, 5)
    assert SECRET not in rejected.text
    assert "keyway-request-id" not in rejected.headers


async def test_content_type_of_grpc_does_not_avoid_the_conversion(rest: Rest) -> None:
    target, body = "/v1/providers/nhn-keys/keys/nobody:encrypt", {"plaintext": PLAINTEXT}
    missing = await rest.send("POST", target, body, content_type="application/grpc")
    assert (missing.status, missing.reason) == (404, "KEY_NOT_FOUND")


@pytest.mark.parametrize("deadline", ["soon", "1", "123456789S", "-1S"])
async def test_invalid_deadline_is_rejected(rest: Rest, deadline: str) -> None:
    rejected = await rest.send("POST", f"{KEY}:encrypt", {"plaintext": PLAINTEXT}, grpc_timeout=deadline)
    assert (rejected.status, rejected.reason) == (400, "INVALID_REQUEST")


@pytest.mark.parametrize(
    ("segment", "name"),
    [
        ("a%20b", "a b"),
        ("a%3Acheck", "a:check"),
        ("a:b", "a:b"),
        ("a%252Fb", "a%2Fb"),
        ("%EC%9D%B8%EC%A6%9D%EC%84%9C", "인증서"),
        ("a+b", "a+b"),
        ("*.example.org", "*.example.org"),
    ],
)
async def test_name_is_decoded_once(rest: Rest, segment: str, name: str) -> None:
    missing = await rest.send("GET", f"/v1/providers/nhn-certs/certificates/{segment}")
    assert missing.reason == "CERTIFICATE_NOT_FOUND"
    assert missing.json()["message"].startswith(f"providers/nhn-certs/certificates/{name}: ")


@pytest.mark.parametrize("segment", ["%00", "..", "."])
async def test_invalid_name_is_rejected_by_the_gateway(rest: Rest, segment: str) -> None:
    # aiohttp would remove the dots.
    target = segment.replace(".", "%2E")
    rejected = await rest.send("GET", f"/v1/providers/nhn-certs/certificates/{target}:check")
    assert (rejected.status, rejected.reason) == (400, "INVALID_REQUEST")


async def test_absent_key_version_differs_from_version_0(rest: Rest) -> None:
    public = await rest.send("GET", "/v1/providers/nhn-keys/keys/demo-rsa/versions/0:getPublicKey")
    assert public.json()["keyVersion"] == 0
    encrypted = await rest.send("POST", "/v1/keys:batchEncrypt", {"requests": [{"name": "x"}]})
    (result,) = encrypted.json()["results"]
    assert result["error"]["code"] == 3
    assert "response" not in result


async def test_watch_sends_one_event_per_line(rest: Rest) -> None:
    headers = {"authorization": f"Bearer {rest.ready['token']}"}
    url = f"{rest.url}/v1/providers/nhn-certs/certificates:watch?names=providers/nhn-certs/certificates/www.example.com"
    async with asyncio.timeout(60), rest.session.get(url, headers=headers) as response:
        assert response.status == 200
        assert response.headers["keyway-request-id"]
        events = [json.loads(await response.content.readline()) for _ in range(2)]
    assert [event["type"].rpartition("_")[2] for event in events] == ["CURRENT", "SYNCED"]


async def test_watch_of_a_provider_without_certificates_fails_with_details(rest: Rest) -> None:
    failed = await rest.send("GET", "/v1/providers/nhn-keys/certificates:watch")
    assert (failed.status, failed.reason) == (501, "METHOD_NOT_SUPPORTED_BY_PROVIDER")


async def test_deadline_of_the_caller_applies(rest: Rest) -> None:
    await rest.control("nhn-secure-key-manager", "/faults", {"mode": "stall"})
    failed = await rest.send("POST", f"{KEY}:encrypt", {"plaintext": PLAINTEXT}, grpc_timeout="500m")
    await rest.remove_faults()
    assert (failed.status, failed.json()["code"]) == (504, 4)


async def test_gateway_that_is_down_gives_a_status(rest: Rest, tmp_path: Path) -> None:
    shutil.copytree(rest.folder, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("audit-*"))
    port, nobody = two_ports()
    config = tmp_path / "rest.yaml"
    config.write_text(configuration(tmp_path, f"localhost:{nobody}", port))
    async with running_envoy(programs.envoy(), config, port):
        headers = {"authorization": f"Bearer {rest.ready['token']}"}
        async with rest.session.get(f"https://localhost:{port}/v1/providers", headers=headers) as response:
            failed = await response.json()
            assert (response.status, failed["code"]) == (503, 14)
