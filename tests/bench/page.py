"""The generated parts of docs/performance.md, each between two markers."""

from pathlib import Path
from typing import Final, Literal

from tests.bench import tools

PAGE: Final = tools.ROOT / "docs" / "performance.md"

Part = Literal["figures", "targets", "libraries", "soak"]
_COMMANDS: Final[dict[Part, str]] = {
    "figures": "make bench ARGS=--publish",
    "targets": 'make bench ARGS="--targets --publish"',
    "libraries": "python -m tests.bench.libraries --publish",
    "soak": 'make soak ARGS="--minutes 60 --publish"',
}


def publish(part: Part, content: str, path: Path = PAGE) -> None:
    """Replace one part of the page. Raises ValueError if the page does not contain its markers."""
    begin, end = f"<!-- {part}: begin; written by `{_COMMANDS[part]}` -->", f"<!-- {part}: end -->"
    before, found, rest = path.read_text().partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"{path} does not contain the markers of the part {part}: {begin}")
    path.write_text(f"{before}{begin}\n\n{content}\n\n{end}{after}")
