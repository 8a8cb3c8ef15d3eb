"""Report on the policy files of a configuration: what each file holds, and likely mistakes."""

from collections import Counter

from gateway.authz import policies
from gateway.authz.advice import advice
from gateway.authz.settings import PolicySettings
from gateway.authz.sources import labels


def check(settings: PolicySettings) -> str:
    """Return the report, one line per file and per warning; raise ConfigError with every error in the files."""
    loaded = policies.load(settings)
    counts = Counter(policy.file for policy in loaded.policies)
    lines = [f"{label}: {_count(counts[label], 'policy')}" for label in labels(settings.policy_files)]
    if settings.entities_file is not None:
        callers = _count(len(loaded.groups.memberships), "caller")
        lines.append(f"{settings.entities_file.name}: {callers} in {_count(len(loaded.groups.names), 'group')}")
    lines.extend(f"warning: {text}" for text in advice(loaded))
    return "\n".join(lines)


def _count(number: int, noun: str) -> str:
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"
