"""Requests to the control ports of the emulators."""

import json
import urllib.request
from typing import Any


def prepare(case: Any, ready: Any) -> None:
    """Remove all faults, and send the requests of a case."""
    for url in ready["controls"].values():
        _send("DELETE", f"{url}/faults")
    send(case, ready)


def send(step: Any, ready: Any) -> None:
    """Send the requests of a case or of a round of a watch."""
    before = step.get("before", [])
    for each in before if isinstance(before, list) else [before]:
        _send("POST", ready["controls"][each["control"]] + each["path"], json.dumps(each["body"]).encode())


def _send(method: Any, url: Any, body: Any = None) -> None:
    with urllib.request.urlopen(urllib.request.Request(url, body, method=method), timeout=30) as answer:
        answer.read()
