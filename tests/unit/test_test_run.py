"""What holds for a run of the tests as a whole."""

import subprocess
import sys
from pathlib import Path

import hypothesis

ROOT = Path(__file__).parents[2]


def test_no_property_fails_for_being_slow() -> None:
    assert hypothesis.settings().deadline is None


def test_a_missing_program_is_named_before_anything_runs(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "tests/unit/test_names.py"],
        cwd=ROOT,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 4
    said = done.stdout + done.stderr
    for program in ("openssl", "keytool", "curl"):
        assert f"{program} (" in said
    assert "Traceback" not in said
    assert "passed" not in said
