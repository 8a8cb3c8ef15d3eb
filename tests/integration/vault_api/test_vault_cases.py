"""The conformance cases of the clients have the same results over the API as over gRPC."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pytest
from google.rpc import code_pb2

from gateway.surfaces.vault.errors import http_status
from tests.clients import cases
from tests.support.stack import Stack
from tests.support.vault_api import APP, SHOP, VaultScene

PATHS: Final = {
    "keyway.v1.KeyService/Encrypt": ("PUT", "encrypt/{id}"),
    "keyway.v1.KeyService/Decrypt": ("PUT", "decrypt/{id}"),
    "keyway.v1.KeyService/GenerateDataKey": ("PUT", "datakey/plaintext/{id}"),
    "keyway.v1.KeyService/GetSecret": ("GET", "data/{id}"),
    "keyway.v1.CertificateService/DownloadCertificate": ("GET", "data/certificates/{id}"),
}
OTHER_ENCODING: Final = {"encrypt-binary-as-utf8", "decrypt-text-as-base64"}
"""Cases about the text encoding of a call. The API always encrypts Base64."""
OF_THE_CLIENT: Final = {"deadline-exceeded", "canceled-call", "request-id-of-the-caller"}
"""Cases about deadlines, cancellations, and metadata of gRPC clients. Those about retries are left out too."""
CASES: Final = [
    case
    for case in cases.load()
    if case["method"] in PATHS
    and case.get("listener") != "mtls"
    and not case.get("retries")
    and case["name"] not in OTHER_ENCODING | OF_THE_CLIENT
]


@pytest.fixture(scope="module")
async def scene(running_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[VaultScene]:
    scene = VaultScene(Path(tmp_path_factory.mktemp("cases")), running_stack)
    async with scene.served():
        yield scene


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
async def test_case_has_the_same_result(scene: VaultScene, stack: Stack, case: dict[str, Any]) -> None:
    expected = case["expect"]
    if "before" in case:
        before = case["before"]
        await stack.controls[before["control"]].call("POST", before["path"], before["body"])
    method, path = PATHS[case["method"]]
    _, provider, _, identifier = case["request"]["name"].split("/")
    values = {name: case["request"][name] for name in ("plaintext", "ciphertext") if name in case["request"]}
    if "ciphertext" in values:
        values["ciphertext"] = f"vault:v2:{values['ciphertext']}"
    subject = SHOP if expected["status"] == "PERMISSION_DENIED" else APP
    async with scene.client(subject) as client:
        reply = await client.request(
            method, f"{provider}/{path.format(id=quote(identifier))}", json=values if method == "PUT" else None
        )
    assert reply.status == expected_status(case), reply.body
    if reply.status != 200 and "reason" in expected:
        assert f"({expected['reason']})" in reply.error


def expected_status(case: dict[str, Any]) -> int:
    """Return the HTTP status for the status of a case."""
    code = code_pb2.Code.Value(case["expect"]["status"])
    status = http_status(code) if code != code_pb2.OK else 200
    return 400 if status == 404 and PATHS[case["method"]][0] == "PUT" else status
