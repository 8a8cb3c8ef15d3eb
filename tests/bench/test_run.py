"""One short run of the rows that need no setup. Requires nginx and h2load."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bench import tools
from tests.bench.__main__ import main
from tests.bench.competitors import ENCRYPT, GET_PUBLIC_KEY
from tests.bench.generators import H2load, LoadError
from tests.bench.line_up import competitor
from tests.bench.probe import WrongAnswerError, probe
from tests.bench.run import scratch, surroundings


def _missing() -> str:
    try:
        tools.find()
    except tools.MissingToolError as error:
        return str(error)
    return ""


pytestmark = pytest.mark.skipif(bool(_missing()), reason=_missing())


def test_a_short_run_measures_every_row(tmp_path: Path) -> None:
    arguments = ["--quick", "--only", "trust", "--competitors", "bare", "trust", "--output", str(tmp_path)]
    assert main(arguments) == 0
    rows = json.loads((tmp_path / "bench.json").read_text())["sets"]["trust"]
    assert set(rows) == {"bare", "trust"}
    assert all(row["medians"]["64"]["cpu"] > 0 for row in rows.values())
    assert all(row["rounds"][0][0]["calls"] > 10 for row in rows.values())
    assert (tmp_path / "bench.svg").read_text().startswith("<svg")
    assert not [name for name in os.listdir(tools.BUILD) if name.startswith(f"bench-{os.getpid()}")]


def test_failed_calls_fail_the_measurement() -> None:
    """The echo server has no GetPublicKey. h2load alone would count its rejections as success."""
    echo = competitor("plaintext", "echo")
    with scratch() as folder, surroundings(folder) as around, echo.running(around, folder) as (_, target):
        assert target.path == ENCRYPT
        refused = replace(target, path=GET_PUBLIC_KEY)
        probe(target)
        with pytest.raises(WrongAnswerError, match="UNIMPLEMENTED"):
            probe(refused)
        with pytest.raises(LoadError):
            H2load(tools.find().h2load).run(refused, 16, 0.1)
