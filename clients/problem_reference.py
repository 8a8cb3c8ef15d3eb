"""Generator of docs/connection-problems.md: `python -m clients.problem_reference FILE`."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from clients.problem_table import OPTIONS, sentences

HEAD: Final = """\
# Connection problems

Generated from [`clients/problem_table.py`](../clients/problem_table.py) by `make generate`.

If a client cannot connect, or the gateway rejects the caller, the error names one of these problems, and its text
contains the cause and the fix. [`keyway doctor`](cli.md#find-out-why-a-connection-fails) uses the same sentences.

| language | problem | text |
|---|---|---|
| Python | `KeywayError.problem`, a `keyway.Problem` | `str(error)` |
| Go | `keyway.Error.Problem`, such as `keyway.ProblemRefused` | `Error()` |
| Java | `KeywayException.problem()`, a `Problem` | `getMessage()` |
| TypeScript | `KeywayError.problem`, a string such as `"REFUSED"` | `message` |

If the gateway returned the error, its text contains the gateway's message and the fix. A client reports only problems
that it recognizes from a failed call. `keyway doctor` makes further checks, and so also reports problems such as
`NOT_SERVING`. Later versions can add problems and change sentences.
"""


def main() -> int:
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("\n".join((HEAD, *problems(), "", *options())) + "\n", encoding="utf-8")
    return 0


def problems() -> Iterator[str]:
    """Yield the table of sentences, with the options of the Python client and of the command line."""
    yield "## Problems\n"
    yield "The table names the options of the Python client. The command line has the same options, such as `--ca`, and"
    yield "its configuration file has the same keys. Only the command line has `token_file`.\n"
    yield "| problem | cause | fix |"
    yield "|---|---|---|"
    for name, sentence in sentences("python").items():
        cause, _, fix = sentence.partition(": ")
        yield f"| `{name}` | {cause} | {fix} |"


def options() -> Iterator[str]:
    """Yield the table of options in each language."""
    yield "## Options\n"
    languages = {"python": "Python, command line", "go": "Go", "java": "Java", "typescript": "TypeScript"}
    yield f"| {' | '.join(languages.values())} |"
    yield "|---|---|---|---|"
    for name in OPTIONS["python"]:
        yield f"| {' | '.join(OPTIONS[language][name] for language in languages)} |"


if __name__ == "__main__":
    sys.exit(main())
