"""The commands `policy check`, `policy explain` and `policy schema`.

They read only the `policy` section: policies can be checked where the other files and secrets do not exist.
"""

import argparse
import json
from typing import Final, get_args

from gateway.authz import policies, policy_report
from gateway.authz.explaining import Explanation, action_of, explain
from gateway.authz.principals import caller_id
from gateway.authz.schema import schema_text
from gateway.authz.settings import PolicySettings
from gateway.cli.command import add_config, subcommands
from gateway.config.base import ConfigError
from gateway.config.loading import load_section
from gateway.identity.caller import ANONYMOUS, POLLER, Caller, Kind

_KINDS: Final = tuple(kind for kind in get_args(Kind) if kind not in (ANONYMOUS.kind, POLLER.kind))
_SPIFFE: Final = "spiffe://"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands and their arguments."""
    add = subcommands(parser)
    add_config(add("check", _check, "check the policy files of a configuration, and warn about likely mistakes"))
    explained = add("explain", _explain, "explain whether policy permits a call; the exit code is 0 for both results")
    add_config(explained)
    add_explain_arguments(explained)
    add("schema", _schema, "print the Cedar schema of the policies, for editors and Cedar tools")


def add_explain_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that describe the caller, the action and the resource."""
    parser.add_argument(
        "--caller",
        required=True,
        metavar="NAME",
        help="caller: SPIFFE ID, DNS name, common name, token subject, or keyway:poller",
    )
    parser.add_argument("--kind", choices=_KINDS, help="kind of the caller's name; default: spiffe for a SPIFFE ID")
    parser.add_argument("--issuer", default="", metavar="URL", help="issuer of the caller's token")
    parser.add_argument(
        "--group", action="append", default=[], metavar="NAME", help="group in the caller's token; repeatable"
    )
    parser.add_argument(
        "--scope", action="append", default=[], metavar="NAME", help="scope in the caller's token; repeatable"
    )
    parser.add_argument(
        "--method", required=True, metavar="NAME", help="method, such as Encrypt; a batch is checked per item"
    )
    parser.add_argument(
        "--resource", required=True, metavar="NAME", help="resource name, such as providers/nhn-keys/keys/orders-key"
    )
    parser.add_argument(
        "--include-private-key",
        action="store_true",
        help="the request sets include_private_key, which is a separate action",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def explanation(settings: PolicySettings, options: argparse.Namespace) -> Explanation:
    """Return the decision that the arguments ask for, with its reasons."""
    action = action_of(options.method, include_private_key=options.include_private_key)
    return explain(policies.load(settings), _caller(options), action, options.resource)


async def _check(options: argparse.Namespace) -> int:
    print(policy_report.check(_settings(options)))
    return 0


async def _explain(options: argparse.Namespace) -> int:
    found = explanation(_settings(options), options)
    print(json.dumps(found.as_json()) if options.json else found.as_text())
    return 0


async def _schema(_options: argparse.Namespace) -> int:
    print(schema_text().rstrip("\n"))
    return 0


def _settings(options: argparse.Namespace) -> PolicySettings:
    settings = load_section(options.config, "policy", PolicySettings)
    if settings is None:
        raise ConfigError(f"{options.config}: policy: is required by this command")
    return settings


def _caller(options: argparse.Namespace) -> Caller:
    if options.caller == caller_id(POLLER):
        return POLLER
    kind: Kind | None = options.kind or ("spiffe" if options.caller.startswith(_SPIFFE) else None)
    if kind is None:
        raise ConfigError(f"--kind is required for the caller {options.caller}: one of {', '.join(_KINDS)}")
    return Caller(options.caller, kind, options.issuer, tuple(sorted(options.group)), tuple(sorted(options.scope)))
