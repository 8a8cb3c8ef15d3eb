"""Generated requests to REST/JSON through a real Envoy: `python -m tests.fuzz.rest --minutes 2`.

Schemathesis generates valid and invalid requests from docs/openapi.json, and compares the responses with it.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from deploy.envoy.rest_demo import rest_demo
from tests.support import programs
from tests.support.ports import free_port

ROOT: Final = Path(__file__).parents[2]
PROGRAM: Final = ROOT / "build/schemathesis-venv/bin/schemathesis"
SETTINGS: Final = Path(__file__).with_name("schemathesis.toml")
_END_SECONDS: Final = 120.0
_NO_RULES: Final = (
    "not_a_server_error",  # rest_checks.py has a stricter one
    "negative_data_rejection",  # ProtoJSON accepts numbers of enums, and batches have results for invalid items
    "positive_data_acceptance",  # the contract has rules that a schema cannot state
    "unsupported_method",  # Envoy answers with 404, not 405
    "ensure_resource_availability",  # the emulated upstreams decide what exists
    "use_after_free",
)
"""The checks of Schemathesis that do not apply."""


def main() -> int:
    """Return 1 if a response differs from the description."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=2.0, help="duration; default: 2")
    parser.add_argument("--seed", type=int, default=None, help="of the generated requests; default: random")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="keyway-rest-") as folder:
        return asyncio.run(_run(Path(folder), options.minutes * 60, options.seed))


async def _run(folder: Path, seconds: float, seed: int | None) -> int:
    async with rest_demo(programs.envoy(), folder, free_port()) as ready:
        command = [PROGRAM, "--config-file", SETTINGS, "run", ROOT / "docs/openapi.json", "--url", ready["rest"]]
        command += ["--max-time", f"{seconds:.0f}", "--continue-on-failure", "--warnings", "off"]
        command += ["--phases", "coverage,fuzzing", "--exclude-checks", ",".join(_NO_RULES)]
        command += ["--seed", str(seed)] if seed is not None else []
        process = await asyncio.create_subprocess_exec(*map(str, command), cwd=folder, env=_environment(folder, ready))
        try:
            async with asyncio.timeout(seconds + _END_SECONDS):
                return await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


def _environment(folder: Path, ready: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables that schemathesis.toml refers to, so that the token is not in a command line."""
    return {
        **os.environ,
        "KEYWAY_TOKEN": ready["token"],
        "KEYWAY_CA": str(folder / "ca.pem"),
        "SCHEMATHESIS_HOOKS": "rest_checks",
        "PYTHONPATH": str(Path(__file__).parent),
    }


if __name__ == "__main__":
    sys.exit(main())
