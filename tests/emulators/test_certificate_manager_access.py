"""API versions, credentials, and addresses of the Certificate Manager emulator."""

import io
from typing import Any

import aiohttp
import pytest

from tests.support.emulators.certificate_manager import running

ACCESS: dict[str, Any] = {"access_keys": [{"id": "id", "secret": "secret"}], "bearer_tokens": ["token"]}
ID, SECRET, BEARER = "X-TC-AUTHENTICATION-ID", "X-TC-AUTHENTICATION-SECRET", "X-NHN-AUTHORIZATION"
RIGHT = {ID: "id", SECRET: "secret"}


@pytest.mark.parametrize(
    ("version", "headers", "allowed"),
    [
        ("v1.0", {}, True),
        ("v1.0", {ID: "id", SECRET: "wrong"}, True),
        ("v1.1", {}, False),
        ("v1.1", RIGHT, True),
        ("v1.1", {ID.lower(): "id", SECRET.title(): "secret"}, True),
        ("v1.1", {ID: "id"}, False),
        ("v1.1", {SECRET: "secret"}, False),
        ("v1.1", {ID: "id", SECRET: "wrong"}, False),
        ("v1.1", {ID: "other", SECRET: "secret"}, False),
        ("v1.1", {ID: "\udcff", SECRET: "secret"}, False),
        ("v1.1", {BEARER: "Bearer token"}, False),
        ("v1.2", {}, True),
        ("v1.2", RIGHT, True),
        ("v1.2", {ID: "id", SECRET: "wrong"}, False),
        ("v1.2", {ID: "id"}, False),
        ("v1.3", {}, False),
        ("v1.3", RIGHT, False),
        ("v1.3", {BEARER: "Bearer token"}, True),
        ("v1.3", {BEARER: "token"}, False),
        ("v1.3", {BEARER: "Basic token"}, False),
        ("v1.3", {BEARER: "Bearer other"}, False),
        ("v1.3", {BEARER: "Bearer"}, False),
        ("v1.3", {"Authorization": "Bearer token"}, False),
    ],
)
@pytest.mark.parametrize("path", ["/certificates", "/certificates/a/files"])
async def test_each_version_accepts_only_its_own_credentials(
    version: str, headers: dict[str, str], allowed: bool, path: str
) -> None:
    async with running("a", **ACCESS) as client:
        answer = await client.call("GET", client.url(path, version), headers=headers)
    if allowed:
        assert answer.code in (0, 52001)
    else:
        assert (answer.status, answer.code) == (401, -3)


async def test_v1_2_can_require_credentials() -> None:
    async with running("a", **ACCESS, require_access_key_in_v1_2=True) as client:
        assert (await client.list(version="v1.2")).code == -3
        assert (await client.list(version="v1.2", headers=RIGHT)).code == 0


@pytest.mark.parametrize("version", ["v1.0", "v1.2"])
@pytest.mark.parametrize("app_key", ["wrong", "%FF", "{appKey}"])
async def test_wrong_app_key_is_rejected(version: str, app_key: str) -> None:
    async with running("a") as client:
        for method, path in [("GET", "/certificates"), ("GET", "/certificates/a/files")]:
            answer = await client.call(method, client.url(path, version, app_key))
            assert (answer.status, answer.code) == (401, -2)
    assert answer.json["body"] == ({} if version == "v1.2" else None)


@pytest.mark.parametrize("version", ["v1.1", "v1.2", "v1.3"])
async def test_upload_exists_only_in_v1_0(version: str) -> None:
    headers = RIGHT | {BEARER: "Bearer token"}
    async with running("a", **ACCESS) as client:
        url = client.url("/certificates/a/files", version)
        form = aiohttp.FormData({"file": io.BytesIO(b"x")})
        answer = await client.call("POST", url, data=form, headers=headers)
    assert answer.status == 404
    assert "header" not in answer.json


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/certmanager/v1.4/appkeys/test-app-key/certificates", 404),
        ("GET", "/certmanager/v1x0/appkeys/test-app-key/certificates", 404),
        ("GET", "/certmanager/v1.0/appkeys/test-app-key/certificates/", 404),
        ("GET", "/certmanager/v1.0/appkeys/test-app-key/certificates/a", 404),
        ("GET", "/certmanager/v1.0/appkeys/test-app-key/certificates/a/files/", 404),
        ("GET", "/", 404),
        ("POST", "/certmanager/v1.0/appkeys/test-app-key/certificates", 405),
        ("PUT", "/certmanager/v1.0/appkeys/test-app-key/certificates/a/files", 405),
        ("HEAD", "/certmanager/v1.0/appkeys/test-app-key/certificates", 405),
    ],
)
async def test_unknown_addresses_and_methods_have_no_envelope(method: str, path: str, status: int) -> None:
    async with running("a") as client:
        answer = await client.call(method, client.host.url + path)
    assert answer.status == status
    assert "header" not in (answer.json or {})
    assert ("Allow" in answer.headers) is (status == 405)
