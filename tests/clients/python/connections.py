"""The first call over each connection of a list, and its error."""

import json
import time
from pathlib import Path
from typing import Any

import keyway


def connect_all(connections: Path) -> None:
    """Print one line of JSON per connection."""
    for options in json.loads(connections.read_text()):
        name, began = options.pop("name"), time.monotonic()
        result = first_call(options)
        print(json.dumps({"name": name, **result, "seconds": time.monotonic() - began}), flush=True)


def first_call(options: Any) -> dict[str, str]:
    try:
        with keyway.connect(**options) as client:
            client.providers.list_providers()
    except keyway.KeywayError as error:
        return {"problem": error.problem.name if error.problem else "", "text": str(error)}
    return {"problem": "", "text": "no error"}
