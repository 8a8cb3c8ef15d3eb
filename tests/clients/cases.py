"""Loading of the conformance cases: validation of their members, and insertion of files."""

import base64
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent
STEP = {"method", "request", "expect", "deadline_ms", "cancel_after_ms", "repeat_pages", "request_metadata", "watch"}
CASE = STEP | {"name", "listener", "before", "token", "certificate", "retries", "then"}
EXPECTED = {
    "status", "response", "present", "absent", "reason", "metadata", "violations", "retry_info", "trailers",
}  # fmt: skip


def load() -> Any:
    """Return the cases. Raise ValueError for unknown members and duplicate names."""
    cases = filled(yaml.safe_load((FOLDER / "cases.yaml").read_text()))
    names = [case["name"] for case in cases]
    if len(names) != len(set(names)):
        raise ValueError("two cases have the same name")
    for case in cases:
        for step, known in [(case, CASE), *((step, STEP) for step in case.get("then", ()))]:
            unknown = (step.keys() - known) | (step["expect"].keys() - EXPECTED)
            if unknown:
                raise ValueError(f"{case['name']}: unknown members: {', '.join(sorted(unknown))}")
    return cases


def filled(value: Any) -> Any:
    """Replace the names of files by their content."""
    if isinstance(value, dict):
        return {key: filled(member) for key, member in value.items()}
    if isinstance(value, list):
        return [filled(member) for member in value]
    if isinstance(value, str) and value.startswith("@file:"):
        return (FOLDER / "material" / value.removeprefix("@file:")).read_text()
    if isinstance(value, str) and value.startswith("@base64:"):
        return base64.b64encode((FOLDER / "material" / value.removeprefix("@base64:")).read_bytes()).decode()
    return value
