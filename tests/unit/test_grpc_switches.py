"""Environment variables of gRPC: set before gRPC is imported, without overriding the operator."""

import os
import subprocess
import sys

import pytest

_LOOK = """
import os, sys
import gateway
import gateway.cli.serve
assert "grpc" not in sys.modules
print(os.environ.get("GRPC_EXPERIMENTS"), os.environ["GRPC_VERBOSITY"])
"""


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, "None NONE"),
        ({"GRPC_EXPERIMENTS": "event_engine_fork", "GRPC_VERBOSITY": "ERROR"}, "event_engine_fork ERROR"),
    ],
)
def test_variables_are_set_before_grpc_is_imported(given: dict[str, str], found: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GRPC_")}
    done = subprocess.run(
        [sys.executable, "-c", _LOOK], env={**environment, **given}, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == found, done.stderr
