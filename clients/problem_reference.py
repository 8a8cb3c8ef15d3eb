"""Generator of docs/connection-problems.md: `python -m clients.problem_reference FILE`."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from clients.problem_table import OPTIONS, sentences

HEAD: Final = """\
# Connection problems

Generated from [`clients/problem_table.py`](../clients/problem_table.py) by `make generate`.

If a client cannot connect, or the gateway rejects the caller, the error has one of these problems. Its text states the
cause and the fix. [`keyway doctor`](cli.md#find-out-why-a-connection-fails) uses the same sentences.

| language | the problem of an error | its text |
|---|---|---|
| Python | `KeywayError.problem`, a `keyway.Problem` | `str(error)` |
| Go | `keyway.Error.Problem`, such as `keyway.ProblemRefused` | `Error()` |
| Java | `KeywayException.problem()`, a `Problem` | `getMessage()` |
| TypeScript | `KeywayError.problem`, a string such as `"REFUSED"` | `message` |

An error of the gateway keeps the message of the gateway as its cause, and adds the fix. The clients report only what a
failed call shows; problems that need a closer look, such as `NOT_SERVING`, come from `keyway doctor`. New
problems can be added, and sentences can change.
"""


def main() -> int:
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("\n".join((HEAD, *problems(), "", *options())) + "\n", encoding="utf-8")
    return 0


def problems() -> Iterator[str]:
    """Yield the table of sentences, with the options of the Python client and of the command line."""
    yield "## Problems\n"
    yield "The options are those of the Python client and of the command line, such as `--ca`. They are also keys of"
    yield "its configuration file. Only the command line has `token_file`.\n"
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
