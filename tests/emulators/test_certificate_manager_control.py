"""The control port of the Certificate Manager emulator: seeds, reset, and injected failures."""

import re
from pathlib import Path
from typing import Any

import pytest

from gateway.emulators.certificate_manager import CertificateManagerEmulator, demo
from gateway.emulators.certificate_manager.errors import FAILURES
from gateway.emulators.host import EmulatorHost, HostOptions
from tests.support.emulators.certificate_manager import day, pem_file, running, running_default, seeded

DOCUMENTED = {
    52000: "Certificate name does not exist.",
    52001: "Certificate file does not exist.",
    52002: "There are more than one certificate file.",
    52003: "The certificate file is not a pem file.",
    52004: "The certificate name in the file is different from the requested certificate name.",
    52005: "Certificate file has expired",
    52006: "The certificate has an invalid certificate authority name.",
    52007: "Requested certificate file should be one.",
    52008: "Maximum permitted size is 524288 bytes. But, requested 524289 bytes.",
    52009: "Certificate id does not exist.",
}


def test_failure_table_matches_the_documentation() -> None:
    assert {code for code in FAILURES if code > 0} == set(DOCUMENTED)


@pytest.mark.parametrize("code", DOCUMENTED)
async def test_every_documented_failure_can_be_injected(code: int) -> None:
    async with running("a") as client:
        await client.control("/faults", {"mode": "error", "code": str(code)})
        answer = await client.download("a")
        assert (await client.download("a")).code == 52001
    assert (answer.code, answer.message) == (code, DOCUMENTED[code])
    assert answer.status == (404 if code == 52009 else 200)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({}, (500, -1, "Internal server error.")),
        ({"code": "52000", "message": "custom", "status": 404}, (404, 52000, "custom")),
        ({"code": "Certificate file has expired."}, (200, 52005, "Certificate file has expired")),
        ({"code": "59999"}, (200, 59999, "Unknown failure 59999.")),
        ({"code": "something else"}, (500, -1, "something else")),
        ({"code": "-4"}, (400, -4, "Invalid parameter: pageSize.")),
    ],
)
async def test_injected_failures_can_be_customized(fault: dict[str, Any], expected: tuple[int, int, str]) -> None:
    async with running("a") as client:
        await client.control("/faults", {"mode": "error", **fault})
        answer = await client.list()
    assert (answer.status, answer.code, answer.message) == expected


async def test_fault_can_be_injected_after_a_successful_upload() -> None:
    content = pem_file("example.com")
    async with running("example.com") as client:
        await client.control("/faults", {"mode": "error", "act": True, "method": "POST"})
        assert (await client.upload("example.com", content)).status == 500
        assert (await client.download("example.com")).content == content


async def test_seeding_returns_the_resulting_state() -> None:
    async with running(seeded("a", "x"), "b", access_keys=[{"id": "id", "secret": "hidden"}]) as client:
        answer = await client.control("/seed", {})
    assert answer.json == {
        "app_keys": ["test-app-key"],
        "access_keys": ["id"],
        "require_access_key_in_v1_2": False,
        "check_downloads": False,
        "authority_certificate": None,
        "certificates": [
            {"app_key": "test-app-key", "name": "a", "files": ["cert.pem"]},
            {"app_key": "test-app-key", "name": "b", "files": []},
        ],
    }


async def test_reseeded_certificate_keeps_its_position() -> None:
    async with running(seeded("example.com", pem_file("example.com")), "b") as client:
        replacement = {"name": "example.com", "app_key": "test-app-key", "expiration_date": day(5)}
        await client.control("/seed", {"certificates": [replacement]})
        answer = await client.list()
        assert (await client.download("example.com")).code == 52001
    assert answer.names == ["example.com", "b"]
    assert answer.json["body"]["data"][0]["expirationDate"] == day(5)
    assert answer.json["body"]["data"][0]["authority"] is None


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"unknown": 1}, "unknown"),
        ({"app_keys": "text"}, "app_keys"),
        ({"app_keys": ["a/b"]}, "app_keys.0"),
        ({"access_keys": [{"id": "a"}]}, "access_keys.0.secret"),
        ({"certificates": [{}]}, "certificates.0.name"),
        ({"certificates": [{"name": "a b"}]}, "certificates.0.name"),
        ({"certificates": [{"name": "a", "expiration_date": "soon"}]}, "certificates.0.expiration_date"),
        ({"certificates": [{"name": "a", "files": ["x"]}]}, "certificates.0.files.0"),
        (
            {"certificates": [{"name": "a", "files": [{"file_name": "a\r\nb", "content": ""}]}]},
            "certificates.0.files.0.file_name",
        ),
    ],
)
async def test_invalid_seed_names_the_field_and_changes_nothing(data: dict[str, Any], field: str) -> None:
    async with running("first") as client:
        data = {"certificates": [{"name": "good", "app_key": "test-app-key"}]} | data
        answer = await client.control("/seed", data)
        assert (await client.list()).names == ["first"]
    assert answer.status == 400
    assert answer.json["error"].startswith(f"{field}: ")


async def test_seed_error_does_not_contain_key_material() -> None:
    async with running() as client:
        answer = await client.control("/seed", {"access_keys": [{"id": "a", "secret": "my secret"}]})
    assert "my secret" not in answer.json["error"]


async def test_reset_deletes_all_state() -> None:
    async with running("a", require_access_key_in_v1_2=True) as client:
        await client.control("/reset", {"seed": False})
        assert (await client.list()).code == -2
        assert (await client.control("/seed", {})).json["require_access_key_in_v1_2"] is False
        await client.control("/reset", {"seed": True})
        answer = await client.call("GET", client.url("/certificates", "v1.2", "certmanager-demo"))
    assert answer.json["body"]["totalCount"] == 10


async def test_default_set_is_added_once() -> None:
    async with running_default() as client:
        url = client.url("/certificates/www.example.com/files", "v1.2", "certmanager-demo")
        before = await client.call("GET", url)
        await client.control("/seed")
        assert (await client.call("GET", url)).content == before.content


async def test_default_credentials_are_accepted() -> None:
    headers = {
        "X-TC-AUTHENTICATION-ID": "demo-access-key",
        "X-TC-AUTHENTICATION-SECRET": "demo-access-secret",
        "X-NHN-AUTHORIZATION": "Bearer demo-token",
    }
    async with running_default() as client:
        for version in ("v1.0", "v1.1", "v1.2", "v1.3"):
            url = client.url("/certificates", version, "certmanager-demo")
            assert (await client.call("GET", url, headers=headers)).code == 0


async def test_state_survives_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = tmp_path / "state.sqlite"
    content = pem_file("example.com")
    async with running("example.com", state=state) as client:
        assert (await client.upload("example.com", content)).code == 0
    monkeypatch.delattr(
        demo, "default_set"
    )  # The default objects exist already, so no keys are generated, which is slow.
    async with EmulatorHost(CertificateManagerEmulator, HostOptions(state=state)):
        pass
    async with running(state=state) as client:
        assert (await client.list()).names == ["example.com"]
        assert (await client.download("example.com")).content == content


async def test_emulator_shares_no_code_with_the_gateway() -> None:
    """The emulator shares no code with the rest of the gateway."""
    folder = Path(__file__).parents[2] / "gateway/emulators/certificate_manager"
    imported = {
        match
        for path in folder.glob("*.py")
        for match in re.findall(r"^(?:from|import) (gateway\.\w+)", path.read_text(), re.MULTILINE)
    }
    assert imported == {"gateway.emulators"}
