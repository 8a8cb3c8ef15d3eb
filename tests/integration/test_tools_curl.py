"""`emulate` on its fixed ports, called with `curl` as in the vendor documentation. Only this test uses these ports."""

import json
import os
from pathlib import Path

import pytest

from gateway.emulators.catalog import EMULATOR_TYPES
from tests.support.draining import accepts
from tests.support.processes import Process, run
from tests.support.tools import Finished, execute

CERTIFICATES = "http://127.0.0.1:28081/certmanager/v1.2/appkeys/certmanager-demo/certificates"
KEYS = "http://127.0.0.1:28082/keymanager/v1.0/appkey/keymanager-demo"
WARP = "http://127.0.0.1:28080/mcapi"
PORTS = [port for emulated in EMULATOR_TYPES.values() for port in (emulated.port, emulated.control_port)]
JSON = "Content-Type: application/json"

ANNOUNCED = [
    f"{kind}: http://127.0.0.1:{emulated.port} (control: http://127.0.0.1:{emulated.control_port})"
    for kind, emulated in EMULATOR_TYPES.items()
]


@pytest.mark.xdist_group("fixed-ports")
async def test_documented_curl_commands_work_against_the_emulators(tmp_path: Path) -> None:
    taken = [port for port in PORTS if await accepts(f"127.0.0.1:{port}")]
    assert not taken, f"another program uses the ports {taken}, which `emulate` needs: stop it, or skip this test"
    download = tmp_path / "download"
    download.mkdir()

    async def curl(*arguments: str) -> Finished:
        return await execute("curl", "--silent", "--show-error", *arguments, folder=download)

    async with Process(tmp_path, "emulate", "--ephemeral") as process:
        await process.line(ANNOUNCED[-1])

        listed = (await curl(CERTIFICATES)).json()
        assert listed["header"]["isSuccessful"] is True
        names = [certificate["certificateName"] for certificate in listed["body"]["data"]]
        assert "www.example.com" in names

        saved = await curl("-OJ", f"{CERTIFICATES}/www.example.com/files")
        assert saved.code == 0, saved
        assert os.listdir(download) == ["www.example.com.pem"]
        read = await execute(
            "openssl",
            "x509",
            "-in",
            "www.example.com.pem",
            "-noout",
            "-subject",
            "-nameopt",
            "RFC2253",
            folder=download,
        )
        assert b"CN=www.example.com" in read.output, read

        body = json.dumps({"plaintext": "data to encrypt"})
        encrypted = (
            await curl("-X", "POST", "-H", JSON, "-d", body, f"{KEYS}/symmetric-keys/orders-key/encrypt")
        ).json()
        body = json.dumps({"ciphertext": encrypted["body"]["ciphertext"]})
        decrypted = (
            await curl("-X", "POST", "-H", JSON, "-d", body, f"{KEYS}/symmetric-keys/orders-key/decrypt")
        ).json()
        assert decrypted["body"]["plaintext"] == "data to encrypt"

        login = (await curl("-d", "userName=/keyway", "-d", "password=keyway-demo", f"{WARP}/auth/login")).json()
        session = login["result"]["data"]["sessionId"]
        exists = (await curl("-H", f"X-As-SessionId: {session}", f"{WARP}/certificate/server/exist")).json()
        assert exists == {"result": {"status": "success", "data": {"exist": True}}}
        refused = (await curl(f"{WARP}/certificate/server/exist")).json()
        assert refused["result"]["code"] == 3001

        second = await run(tmp_path, "emulate", "--ephemeral")
        assert (second.code, second.output) == (1, "")
        assert second.errors.startswith(
            f"keyway: error while attempting to bind on address ('127.0.0.1', {PORTS[0]}): address"
        )

        ended = await process.stopped()

    assert (ended.code, ended.output.splitlines()) == (0, ANNOUNCED)
    assert os.listdir(tmp_path) == ["download"]
