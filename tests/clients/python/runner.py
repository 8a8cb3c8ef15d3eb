"""Runner of the Python clients for the conformance suite. Sync and asyncio both run each case.

runner                       run the cases of KEYWAY_CASES; print one line of JSON per case
runner seal KEY AAD < in > out
runner open AAD < in > out
runner open-all LIST         each line is ENVELOPE OUTPUT AAD (- for none); print the result of each line
runner connect LIST          make the first call over each connection; print its error as one line of JSON
runner bench seal FILE
"""

import asyncio
import json
import os
import sys
from pathlib import Path

from tests.clients.python.connections import connect_all
from tests.clients.python.controls import prepare
from tests.clients.python.sealing import bench, open_, open_all, sandbox, seal
from tests.clients.python.steps import async_outcome, sync_outcome


def run_cases() -> None:
    ready = sandbox()
    for case in json.loads(Path(os.environ["KEYWAY_CASES"]).read_text()):
        steps = [case, *case.get("then", ())]
        why = ""
        for kind, run in {
            "sync": sync_outcome,
            "asyncio": lambda *arguments: asyncio.run(async_outcome(*arguments)),
        }.items():
            try:
                prepare(case, ready)
                found = run(case, steps, ready)
            except Exception as error:  # noqa: BLE001 - every error is a result of the case
                found = f"{type(error).__name__}: {error}"
            why += f"{kind}: {found} " if found else ""
        print(json.dumps({"case": case["name"], "passed": not why, "why": why.strip()}, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case []:
            run_cases()
        case ["seal", key, associated_data]:
            seal(key, bytes.fromhex(associated_data))
        case ["open", associated_data]:
            sys.exit(open_(bytes.fromhex(associated_data)))
        case ["open-all", lines]:
            open_all(Path(lines).read_text().splitlines())
        case ["connect", connections]:
            connect_all(Path(connections))
        case ["bench", "seal", file]:
            bench(file)
        case _:
            sys.exit(__doc__)
