"""The control port of the ASTERIA emulator: injected failures, seeds, reset, and the state file."""

import base64
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from gateway.emulators.asteria import sealing
from gateway.emulators.asteria.errors import FAILURES
from gateway.emulators.asteria.sealing import Passwords
from tests.support.emulators.asteria import PASSWORDS, running, self_signed

DOCUMENTED = {
    **dict.fromkeys((2002, 2003, 2004, 2101, 2102, 2103, 2107, 2202, 2203, 2204, 2301, 2401, 2801, 2802), 400),
    **dict.fromkeys((3001, 4012), 403),
    **dict.fromkeys((5001, 5002, 5006, 5101, 5102, 5303, 5304, 5305, 5306, 5307, 5308, 5309, 5310), 500),
}


def test_failure_table_has_the_documented_codes_and_one_assumed_code() -> None:
    assert {code: row.status for code, row in FAILURES.items()} == DOCUMENTED | {3002: 403}


async def test_every_documented_failure_can_be_injected() -> None:
    async with running() as client:
        for code, status in DOCUMENTED.items():
            await client.control("POST", "/faults", {"mode": "error", "code": str(code)})
            assert (await client.get("server/exist")).failure == (status, code)
        assert (await client.get("server/exist")).data == {"exist": True}


@pytest.mark.parametrize(
    ("fault", "failure", "message"),
    [
        ({}, (500, 5102), "Internal error"),
        ({"code": 4012, "status": 404}, (404, 4012), "The certificate does not exist"),
        ({"code": 9999, "message": "new"}, (500, 9999), "new"),
        ({"code": "something", "status": 503}, (503, None), "something"),
    ],
)
async def test_other_failures_can_be_injected(fault: dict[str, Any], failure: tuple[int, int], message: str) -> None:
    async with running() as client:
        await client.control("POST", "/faults", fault)
        answer = await client.get("server/exist")
    assert answer.failure == failure
    assert answer.json["result"]["message"] == message


async def test_fault_can_be_injected_after_the_call_took_effect() -> None:
    async with running() as client:
        await client.control("POST", "/faults", {"mode": "error", "code": 5101, "act": True, "path": "/create$"})
        assert (await client.create("client")).failure == (500, 5101)
        assert (await client.get("client/exist")).data == {"exist": True}


async def test_tampered_key_store_is_detected() -> None:
    """A tampered key store fails the password check, so the emulator reports a wrong password."""
    async with running() as client:
        client.host.database.execute("UPDATE key_stores SET sealed = ?", b"x" * 100)
        assert (await client.post("server/show", password="changeit")).failure == (400, 2401)


async def test_decrypted_key_store_with_invalid_content_is_rejected() -> None:
    password = {"password": "changeit"}
    formats = {"outputFormat": "X509", "dataFormat": "PEM"}
    async with running() as client:
        sealed = sealing._seal(b'{"key": "", "chain": ["AAAA"]}', "changeit")
        client.host.database.execute("UPDATE key_stores SET sealed = ?", sealed)
        assert (await client.post("server/show", **password)).failure == (500, 5304)
        assert (await client.post("server/export", **password, **formats)).failure == (500, 5303)
        assert (await client.post("server/delete", **password)).failure == (500, 5306)


async def test_decrypted_private_key_with_invalid_content_is_rejected() -> None:
    passwords = Passwords("changeit", "changeit")
    async with running() as client:
        sealed = client.host.database.row("SELECT sealed FROM key_stores WHERE store = 'server'")
        assert sealed is not None
        content = json.loads(sealing._open(sealed["sealed"], passwords.store))
        content["key"] = base64.b64encode(sealing._seal(b"nonsense", passwords.private_key)).decode()
        damaged = sealing._seal(json.dumps(content).encode(), passwords.store)
        client.host.database.execute("UPDATE key_stores SET sealed = ?", damaged)
        fields = {"password": passwords.store, "privateKeyPassword": passwords.private_key}
        assert (await client.post("server/csr/download", **fields)).failure == (500, 5102)
        leaf = (await client.post("server/export", password="changeit", outputFormat="X509", dataFormat="PEM")).files
        upload = await client.upload("server/csr/response/upload", **fields, certFile=leaf["server-1.pem"])
        assert upload.failure == (500, 5306)


async def test_unexpected_exception_returns_the_internal_error(caplog: pytest.LogCaptureFixture) -> None:
    async with running() as client:
        client.host.database.execute("DROP TABLE key_stores")
        assert (await client.get("server/exist")).failure == (500, 5102)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


async def test_default_seed_has_the_documented_objects() -> None:
    async with running() as client:
        assert (await client.get("server/exist")).data == {"exist": True}
        assert (await client.get("client/exist")).data == {"exist": False}
        details = (await client.post("server/show", password="changeit")).certificate
        assert len(details["chainInfo"]) == 3
        csr = await client.post("server/csr/download", password="changeit", privateKeyPassword="changeit")
        assert list(csr.files) == ["server.csr"]
        for store, last in (("server", "2"), ("client", "4")):
            authorities = (await client.get(f"{store}/ca/list")).certificate
            assert len(authorities) == 2
            assert authorities[1]["alias"] == f"0b6c1d9e-2f3a-4b4c-8d5e-6f7081920a0{last}"


async def test_reset_deletes_all_state_and_sessions() -> None:
    async with running() as client:
        await client.control("POST", "/reset", {"seed": False})
        assert (await client.get("server/exist")).failure == (403, 3001)
        login = {"userName": "/keyway", "password": "keyway-demo"}
        assert (await client.call("POST", "auth/login", data=login)).failure == (403, 3002)
        status, seeded = await client.control("POST", "/reset", {"seed": True})
        assert status == 200
        assert [user["name"] for user in seeded["users"]] == ["/developer", "/keyway", "/operator"]
        assert seeded["key_stores"] == {
            "server": {"exist": True, "csr": True}, "client": {"exist": False, "csr": False},
        }  # fmt: skip
        await client.log_in()


async def test_default_seed_does_not_restore_deleted_objects(tmp_path: Path) -> None:
    state = tmp_path / "state" / "asteria.db"
    async with running(state=state) as client:
        await client.post("server/delete", password="changeit")
        await client.create("client")
        session = client.session_id
    assert state.stat().st_mode & 0o077 == 0
    async with running(state=state, log_in=False) as client:
        client.session_id = session
        assert (await client.get("server/exist")).data == {"exist": False}
        assert (await client.post("client/show", password=PASSWORDS["password"])).status == 200


async def test_passwords_and_keys_are_not_in_the_state_file(tmp_path: Path) -> None:
    state = tmp_path / "asteria.db"
    async with running(state=state) as client:
        await client.create("client", CN="findable.example.com")
        client.host.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        content = state.read_bytes()
    for secret in (*PASSWORDS.values(), "changeit", "keyway-demo", "BEGIN PRIVATE"):
        assert secret.encode() not in content
    assert b"/keyway" in content


async def test_custom_seed_adds_users_key_stores_and_authorities(tmp_path: Path) -> None:
    root = self_signed(tmp_path, "Root")
    alias = "0b6c1d9e-2f3a-4b4c-8d5e-6f7081920a01"
    seed = {
        "users": [{"name": "/new", "password": "p", "role": "operator"}],
        "key_stores": {
            "server": {
                "password": "store1", "private_key_password": "key123",
                "certificate_pem": root.pem.decode(), "private_key_pem": root.key.read_text(),
            },
            "client": {"password": "store2", "private_key_password": "key456", "subject": {"CN": "x", "C": "JP"}},
        },
        "authorities": {"server": [{"alias": alias, "certificate_pem": root.pem.decode()}],
                        "client": [{"certificate_pem": root.pem.decode()}]},
    }  # fmt: skip
    async with running() as client:
        status, seeded = await client.control("POST", "/seed", seed)
        assert status == 200
        assert seeded["key_stores"] == {
            "server": {"exist": True, "csr": False}, "client": {"exist": True, "csr": True},
        }  # fmt: skip
        assert len(seeded["authorities"]["client"]) == 3
        assert sorted(seeded["authorities"]["server"])[0] == alias
        await client.log_in(("/new", "p"))
        assert (await client.post("server/show", password="store1")).certificate["subject"]["CN"] == "Root"
        assert (await client.get("server/ca/show", alias=alias)).certificate["subject"]["CN"] == "Root"
        csr = await client.post("client/csr/download", password="store2", privateKeyPassword="key456")
        assert list(csr.files) == ["client.csr"]
        csr = await client.post("server/csr/download", password="store1", privateKeyPassword="key123")
        assert csr.failure == (500, 5310)


@pytest.mark.parametrize(
    ("seed", "named"),
    [
        ({"user": []}, "user:"),
        ({"users": {}}, "users:"),
        ({"users": ["x"]}, "users[0]:"),
        ({"users": [{"name": "x", "password": "y", "role": "king"}]}, "users[0].role:"),
        ({"users": [{"name": "x", "role": "operator"}]}, "users[0].password:"),
        ({"users": [{"name": "x", "password": "p", "role": "operator", "age": 1}]}, "users[0].age:"),
        ({"key_stores": {"other": {}}}, "key_stores.other:"),
        ({"key_stores": {"server": {"password": "p"}}}, "key_stores.server.private_key_password:"),
        ({"key_stores": {"server": {"password": "p", "private_key_password": "p"}}},
         "key_stores.server.certificate_pem:"),
        ({"key_stores": {"server": {"password": "p", "private_key_password": "p", "subject": {"X": "y"}}}},
         "key_stores.server.subject.X:"),
        ({"key_stores": {"server": {"password": "p", "private_key_password": "p", "subject": {"C": "JPN"}}}},
         "key_stores.server.subject:"),
        ({"authorities": {"client": [{"certificate_pem": "x"}]}}, "authorities.client[0].certificate_pem:"),
    ],
)  # fmt: skip
async def test_invalid_seed_is_rejected_with_the_field_name(seed: dict[str, Any], named: str) -> None:
    async with running() as client:
        status, answer = await client.control("POST", "/seed", seed)
    assert status == 400
    assert answer["error"].startswith(named)


async def test_seeded_key_must_match_the_certificate(tmp_path: Path) -> None:
    one, other = self_signed(tmp_path, "One"), self_signed(tmp_path, "Other")
    store = {"password": "p", "private_key_password": "p", "certificate_pem": one.pem.decode()}
    async with running() as client:
        for key in (other.key.read_text(), "x"):
            seed = {"key_stores": {"server": store | {"private_key_pem": key}}}
            status, answer = await client.control("POST", "/seed", seed)
            assert status == 400
            assert answer["error"].startswith("key_stores.server.private_key_pem:")
