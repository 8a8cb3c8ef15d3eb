"""The documentation pages are complete and their links resolve."""

import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from keyway.v1 import error_reason_pb2
from tests.support.docs import ROOT, page

PAGES = sorted(
    path
    for path in subprocess.run(
        ("git", "-c", "core.quotepath=off", "ls-files", "*.md"), cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    if (ROOT / path).is_file()
)


def _anchors(path: Path) -> set[str]:
    """Return the anchors of a page's headings, as code hosts derive them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", PAGES)
def test_relative_links_resolve(name: str) -> None:
    text = re.sub(r"```.*?```", "", page(name), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        path = (ROOT / name).parent / file if file else ROOT / name
        assert path.exists(), target
        if anchor and path.suffix == ".md":
            assert anchor in _anchors(path), target


def test_index_lists_every_page() -> None:
    index = page("docs/README.md")
    pages = [path for path in PAGES if re.fullmatch(r"docs/[^/]+\.md", path) and path != "docs/README.md"]
    assert [path for path in pages if f"({path.removeprefix('docs/')})" not in index] == []


def test_decision_numbers_are_unique() -> None:
    numbers = Counter(path.name[:4] for path in (ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert [number for number, count in numbers.items() if count > 1] == []


def test_troubleshooting_explains_every_error_reason() -> None:
    text = page("docs/troubleshooting.md")
    names = [name.removeprefix("ERROR_REASON_") for name in error_reason_pb2.ErrorReason.DESCRIPTOR.values_by_name]
    missing = [name for name in names if name != "UNSPECIFIED" and f"| `{name}` |" not in text]
    assert missing == []
