"""Comparison of the tests that a run skipped with the list in docs/testing.md.

python -m tests.bare.skipped JUNIT PAGE
"""

import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Final

HEADING: Final = "## Tests that a bare Debian machine skips"


def listed(page: str) -> set[str]:
    """Return the tests that the page names, as `folder/module.py::test`."""
    section = page.partition(HEADING)[2].partition("\n## ")[0]
    return set(re.findall(r"`([\w/]+\.py::\w+)`", section))


def skipped(junit: str) -> set[str]:
    """Return the tests that the JUnit report calls skipped, without their parameters."""
    cases = ET.fromstring(junit).iter("testcase")
    return {_name(case) for case in cases if case.find("skipped") is not None}


def _name(case: ET.Element) -> str:
    module = case.attrib["classname"].removeprefix("tests.").replace(".", "/")
    return f"{module}.py::{case.attrib['name'].partition('[')[0]}"


def main() -> int:
    """Print the differences. Return 1 if there are any."""
    junit, page = (Path(argument).read_text(encoding="utf-8") for argument in sys.argv[1:])
    run, documented = skipped(junit), listed(page)
    for name in sorted(run - documented):
        print(f"{name} was skipped, but the page does not list it")
    for name in sorted(documented - run):
        print(f"{name} is listed, but it was not skipped")
    print(f"{len(run)} tests were skipped")
    return int(run != documented)


if __name__ == "__main__":
    sys.exit(main())
