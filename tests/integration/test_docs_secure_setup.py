"""The commands in docs/secure-setup.md work in their order, with servers on free ports."""

from pathlib import Path

import yaml

from gateway import app
from tests.support.docs import ROOT, blocks, run
from tests.support.stack import Gateway, Stack
from tests.support.waiting import eventually


async def test_printed_commands_show_a_permitted_and_a_denied_call(stack: Stack, tmp_path: Path) -> None:
    first, second, command_line = blocks("docs/secure-setup.md", "sh")
    (make_certificates,) = (line for line in first.splitlines() if line.startswith("deploy/"))
    await run("bash", "-ec", make_certificates.replace(".keyway", str(tmp_path)))
    tree = yaml.safe_load((ROOT / "deploy/trusted.yaml").read_text(encoding="utf-8"))
    for provider in tree["providers"]:
        provider["endpoint"] = stack.emulators[provider["type"]].url
    tree |= {"listen": "localhost:0", "health_listen": "127.0.0.1:0"}
    text = yaml.safe_dump(tree).replace("../.keyway", str(tmp_path)).replace("policies/", f"{ROOT}/deploy/policies/")
    config = tmp_path / "trusted.yaml"
    config.write_text(text)
    async with Gateway(app.load_config(config)) as gateway:

        def here(block: str) -> str:
            moved = block.replace(".keyway", str(tmp_path)).replace("localhost:50051", gateway.address)
            return moved.replace("deploy/trusted.yaml", str(config)).replace(".venv/bin/", "")

        script = here(second)
        define, orders, auditor, tail, verify, explain = script.splitlines()
        assert '"ciphertext"' in await run("bash", "-ec", f"{define}\n{orders}")
        assert "permission_denied" in await run("bash", "-ec", f"{define}\n! {auditor} 2>&1")
        record = await run("bash", "-ec", tail)
        list_certificates, list_calls = here(command_line).splitlines()
        assert "nhn-certs/www.example.com" in await run("bash", "-ec", list_certificates)

        async def denied_call_is_listed() -> bool:
            return "PERMISSION_DENIED" in await run("bash", "-ec", f"{list_calls} || true")

        await eventually(denied_call_is_listed)  # the index contains a record after a few seconds
    assert "spiffe://example.org/auditor" in record
    assert "PERMISSION_DENIED" in record
    assert "verified" in await run("bash", "-ec", verify)
    assert "allow" in (await run("bash", "-ec", explain)).lower()
