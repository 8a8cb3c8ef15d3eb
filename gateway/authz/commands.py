"""The commands `policy check`, `policy explain` and `policy schema`: their arguments, and what they print.

Knows no configuration file: the command line reads it and hands over its sections.
"""

import argparse
import json
from collections import Counter
from typing import Final, get_args

from gateway.authz import policies
from gateway.authz.advice import advice
from gateway.authz.explaining import action_of, explain
from gateway.authz.schema import schema_text
from gateway.authz.settings import PolicySettings
from gateway.authz.sources import labels
from gateway.config.base import ConfigError
from gateway.identity.caller import ANONYMOUS, Caller, Kind

_KINDS: Final = tuple(kind for kind in get_args(Kind) if kind != ANONYMOUS.kind)
_SPIFFE: Final = "spiffe://"


def add_explain_arguments(parser: argparse.ArgumentParser) -> None:
    """Who, what, and on what."""
    parser.add_argument("--caller", required=True, metavar="NAME", help="SPIFFE ID, DNS name, common name or subject")
    parser.add_argument("--kind", choices=_KINDS, help="what the name is; default: spiffe, where it is a SPIFFE ID")
    parser.add_argument("--issuer", default="", metavar="URL", help="of the caller's token")
    parser.add_argument("--group", action="append", default=[], metavar="NAME", help="that the token tells; repeatable")
    parser.add_argument("--scope", action="append", default=[], metavar="NAME", help="that the token tells; repeatable")
    parser.add_argument("--method", required=True, metavar="NAME", help="such as Encrypt; of a batch, its items'")
    parser.add_argument("--resource", required=True, metavar="NAME", help="such as providers/nhn-keys/keys/orders-1")
    parser.add_argument(
        "--include-private-key", action="store_true", help="the request sets include_private_key, an action of its own"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object, for programs")


def check(settings: PolicySettings | None) -> str:
    """What the files hold, and what looks like a mistake in them; ConfigError with every fault."""
    settings = _needed(settings)
    loaded = policies.load(settings)
    counts = Counter(policy.file for policy in loaded.policies)
    lines = [f"{label}: {_count(counts[label], 'policy')}" for label in labels(settings.policy_files)]
    if settings.entities_file is not None:
        callers = _count(len(loaded.groups.memberships), "caller")
        lines.append(f"{settings.entities_file.name}: {callers} in {_count(len(loaded.groups.names), 'group')}")
    lines.extend(f"warning: {text}" for text in advice(loaded))
    return "\n".join(lines)


def explained(settings: PolicySettings | None, options: argparse.Namespace) -> str:
    """The decision that the options ask for, and why."""
    loaded = policies.load(_needed(settings))
    action = action_of(options.method, include_private_key=options.include_private_key)
    explanation = explain(loaded, _caller(options), action, options.resource)
    return json.dumps(explanation.as_json()) if options.json else explanation.as_text()


def schema() -> str:
    """The schema, for editors and Cedar's own tools."""
    return schema_text().rstrip("\n")


def _needed(settings: PolicySettings | None) -> PolicySettings:
    if settings is None:
        raise ConfigError("policy: the configuration has no such section")
    return settings


def _caller(options: argparse.Namespace) -> Caller:
    kind: Kind | None = options.kind or ("spiffe" if options.caller.startswith(_SPIFFE) else None)
    if kind is None:
        raise ConfigError(f"--kind: say what {options.caller} is: {', '.join(_KINDS)}")
    return Caller(options.caller, kind, options.issuer, tuple(sorted(options.group)), tuple(sorted(options.scope)))


def _count(number: int, noun: str) -> str:
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"
