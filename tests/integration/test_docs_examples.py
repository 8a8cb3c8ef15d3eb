"""The Python examples, and the README of the Python client that prints them, work as printed."""

import re
import sys
from pathlib import Path

import pytest

from tests.support.docs import example, page, run
from tests.support.stack import Gateway, Stack

PACKAGE = page("clients/python/README.md")


async def test_errors_example_prints_reason_and_request_id(stack: Stack) -> None:
    output = await example("errors.py", at_50051=stack.gateway.address)
    assert output.startswith("NOT_FOUND CERTIFICATE_NOT_FOUND ")
    assert "request id: " in output


async def test_pages_example_lists_all_certificates(stack: Stack) -> None:
    output = await example("pages.py", at_50051=stack.gateway.address)
    assert "providers/nhn-certs/certificates/인증서-예시\n" in output
    assert output.endswith("]\n")


async def test_seal_example_rejects_a_changed_envelope(stack: Stack) -> None:
    output = await example("seal.py", at_50051=stack.gateway.address)
    assert output == "42,open\nthe envelope cannot be opened\n"


async def test_two_gateways_example_uses_both(stack: Stack) -> None:
    async with Gateway(stack.settings()) as other:
        output = await example("two_gateways.py", at_50051=stack.gateway.address, at_50052=other.address)
    assert output.splitlines()[0] == "providers/asteria asteria"


async def test_resilient_example_encrypts(stack: Stack) -> None:
    assert await example("resilient.py", at_50051=stack.gateway.address) == "encrypted with version 2\n"


@pytest.mark.parametrize("name", ["first_call", "errors", "pages", "seal"])
def test_client_readme_prints_the_example(name: str) -> None:
    program = page(f"clients/python/examples/{name}.py").partition('"""\n\n')[2]
    assert f"```python\n{program}```" in PACKAGE


async def test_client_readme_prints_a_test_that_passes(tmp_path: Path) -> None:
    *_, printed = re.findall(r"```python\n(.*?)```", PACKAGE, re.DOTALL)
    (tmp_path / "test_printed.py").write_text(printed)
    output = await run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path))
    assert "1 passed" in output
