"""The options of the audit commands, independent of the command line parser."""

from dataclasses import dataclass
from typing import Any, Final

from keyway.audit import times
from keyway.audit.columns import COLUMNS
from keyway.audit.query import OUTCOMES

DEFAULT_LIMIT: Final = 1000
DEFAULT_TAIL: Final = 20
FORMATS: Final = ("table", "json", "csv", "ocsf")


@dataclass(frozen=True, slots=True)
class Option:
    """An option. flags: its names; the last one without dashes is its key in the values.

    kind: `text`, `flag`, `number`, `file`, or `several` for text that can be repeated.
    """

    flags: tuple[str, ...]
    help: str
    kind: str = "text"
    metavar: str = ""
    choices: tuple[str, ...] = ()
    default: Any = None

    @property
    def key(self) -> str:
        """The key of the option in the values."""
        return self.flags[-1].removeprefix("--").replace("-", "_")


FILTER: Final = (
    Option(("--since",), f"only calls at or after TIME, in UTC: {times.FORMS}", metavar="TIME"),
    Option(("--until",), "only calls before TIME; same forms as --since", metavar="TIME"),
    Option(
        ("--caller",), "caller; use the name that policies use, such as spiffe://example.com/orders", metavar="CALLER"
    ),
    Option(
        ("--action",),
        "policy action, such as DownloadCertificateWithPrivateKey, or policy group, such as ManageCertificates; "
        "repeatable",
        kind="several",
        metavar="ACTION",
    ),
    Option(
        ("--resource",), "full name of a resource, PROVIDER/ID, or ID; includes versions of a key", metavar="RESOURCE"
    ),
    Option(("--provider",), "ID of a provider that the request names", metavar="PROVIDER"),
    Option(("--status",), "status, a gRPC code such as PERMISSION_DENIED", metavar="STATUS"),
    Option(("--reason",), "error reason, such as KEY_NOT_FOUND", metavar="REASON"),
    Option(("--surface",), "third-party interface: sds, vault, kms-v2, or rest", metavar="SURFACE"),
    Option(("--outcome",), "result of the call; to select denied calls, use --denied", choices=tuple(OUTCOMES)),
    Option(("--denied",), "only calls that policy denied, and batches with a denied item", kind="flag"),
    Option(("--private",), "only actions that read private keys, symmetric keys, or secrets", kind="flag"),
)

_COLUMNS: Final = Option(
    ("--columns",),
    f"columns of a table or of csv: {', '.join(column.name for column in COLUMNS)}",
    metavar="NAMES",
)
NO_PAGER: Final = Option(("--no-pager",), "do not use a pager on a terminal", kind="flag")

LIST: Final = (
    *FILTER,
    Option(
        ("--limit",),
        f"maximum number of rows; 0 for all; default {DEFAULT_LIMIT}",
        kind="number",
        metavar="N",
        default=DEFAULT_LIMIT,
    ),
    Option(("--format",), "output format; default table", choices=FORMATS, default="table"),
    _COLUMNS,
    NO_PAGER,
)

SHOW: Final = (
    Option(("--format",), "output format; default table", choices=("table", "json", "ocsf"), default="table"),
    NO_PAGER,
)

TAIL: Final = (
    *FILTER,
    Option(
        ("-n", "--lines"), f"number of rows; default {DEFAULT_TAIL}", kind="number", metavar="N", default=DEFAULT_TAIL
    ),
    Option(("--follow",), "wait for new calls, and print their rows", kind="flag"),
    Option(("--format",), "output format; default table", choices=FORMATS, default="table"),
)

REPORT: Final = (
    *FILTER,
    Option(("--format",), "output format; default table", choices=("table", "json", "csv"), default="table"),
    NO_PAGER,
)

EXPORT: Final = (
    *FILTER,
    Option(("--format",), "output format; default csv", choices=("csv", "json", "ocsf"), default="csv"),
    _COLUMNS,
    Option(("-o", "--output"), "write to FILE; default -, standard output", kind="file", metavar="FILE"),
    Option(("-f", "--force"), "overwrite an existing file", kind="flag"),
    Option(
        ("--pseudonymize",),
        "replace these values with pseudonyms: callers, peers, or callers,peers; not with ocsf",
        metavar="KINDS",
    ),
    Option(
        ("--pseudonym-key",),
        "file with the key for pseudonyms, at least 16 bytes; the same key makes the same pseudonyms",
        kind="file",
        metavar="FILE",
    ),
)
