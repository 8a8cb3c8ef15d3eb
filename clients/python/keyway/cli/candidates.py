"""Candidates for the completion of names: read from the gateway with a short time limit, and cached for a minute.

The API has no methods that list keys and secrets. For these, the candidates are the providers that support them.
"""

import contextlib
import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import click

from keyway.cli import configuration, names
from keyway.cli.session import Session
from keyway.new_files import new_file

_SECONDS: Final = 1.0
"""The time limit of all calls for one completion."""
_FRESH: Final = 60.0
_OLDEST: Final = 86_400.0
"""The maximum age of a cached list that is used if the gateway does not respond."""
_PAGES: Final = 3
_PAGE_SIZE: Final = 1000
_PLAIN: Final = re.compile(r"[\w./@+%~:-]+")
"""Names without characters that a shell interprets. Other names are not candidates."""
_Call = Callable[[Callable[..., Any], Any], Any]
"""Calls a method with a request within the time limit."""


def found(kind: str, ctx: click.Context, incomplete: str) -> list[str]:
    """Return the candidates of a kind, as short names or, if the incomplete word is one, as resource names."""
    session = ctx.ensure_object(Session)
    try:
        listed = _contexts(session) if kind == "context" else _cached(kind, session)
    except Exception:  # noqa: BLE001 - a shell cannot show an error while it completes a word
        return []
    if not incomplete.startswith("providers/") or kind == "context":
        listed = [names.short(name) for name in listed]
    return [name for name in listed if _PLAIN.fullmatch(name)]


def _contexts(session: Session) -> list[str]:
    return list(configuration.load(configuration.file_of(session.given.get("config"))).get("contexts", {}))


def _cached(kind: str, session: Session) -> list[str]:
    """Return the names from the cache, or from the gateway. Raises an exception if neither has them."""
    arguments = session.connection()
    file = _cache_file(arguments)
    stored = _read(file)
    entry = stored.get(kind, {"time": 0.0, "names": []})
    age = time.time() - entry["time"]
    if 0 <= age < _FRESH:
        return list(entry["names"])
    try:
        listed = list(_listed(kind, session))
    except Exception:
        if age > _OLDEST:
            raise
        return list(entry["names"])
    _write(file, {**stored, kind: {"time": time.time(), "names": listed}})
    return listed


def _listed(kind: str, session: Session) -> Iterator[str]:
    """Yield resource names from the gateway. A prefix of names ends in a slash."""
    from keyway.v1.provider_service_pb2 import ListProvidersRequest  # noqa: PLC0415

    end = time.monotonic() + _SECONDS

    def call(method: Callable[..., Any], request: Any) -> Any:
        return method(request, timeout=max(0.01, end - time.monotonic()))

    with session.connect(retries=False) as client:
        if kind == "certificate":
            yield from _certificates(client, call)
            return
        providers = call(client.providers.ListProviders, ListProvidersRequest(page_size=_PAGE_SIZE)).providers
        match kind:
            case "provider":
                yield from (each.name for each in providers)
            case "key":
                yield from _prefixes(providers, "KeyService/", "keys")
            case "secret":
                yield from _prefixes(providers, "KeyService/GetSecret", "secrets")
            case "store":
                yield from names.trust_stores(providers)
            case _:
                yield from _authorities(client, call, names.trust_stores(providers))


def _certificates(client: Any, call: _Call) -> Iterator[str]:
    from keyway.v1.certificate_service_pb2 import ListCertificatesRequest  # noqa: PLC0415

    request = ListCertificatesRequest(parent="providers/-", page_size=_PAGE_SIZE)
    for _ in range(_PAGES):
        page = call(client.certificates.ListCertificates, request)
        yield from (each.name for each in page.certificates if each.name)
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


def _authorities(client: Any, call: _Call, stores: Iterable[str]) -> Iterator[str]:
    from keyway.v1.certificate_service_pb2 import ListTrustedAuthoritiesRequest  # noqa: PLC0415

    for store in stores:
        request = ListTrustedAuthoritiesRequest(parent=store)
        yield from (each.name for each in call(client.certificates.ListTrustedAuthorities, request).authorities)


def _prefixes(providers: Iterable[Any], method: str, collection: str) -> Iterator[str]:
    """Yield the prefix of the names in a collection, for each provider with a method whose name begins like this."""
    for provider in providers:
        if any(each.startswith(f"keyway.v1.{method}") for each in provider.methods):
            yield f"{provider.name}/{collection}/"


def _cache_file(arguments: Mapping[str, Any]) -> Path:
    """Return the cache file for a connection. Each gateway and each caller has its own file."""
    token = arguments.get("token")
    identity = {**arguments, "token": token() if callable(token) else token}
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True, default=str).encode()).hexdigest()[:32]
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "keyway" / f"completion-{digest}.json"


def _read(file: Path) -> dict[str, Any]:
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stored if isinstance(stored, dict) else {}


def _write(file: Path, stored: Mapping[str, Any]) -> None:
    """Write the cache file, and remove files that are too old to be used."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with new_file(file, force=True, private=True) as new:
        new.write(json.dumps(stored, ensure_ascii=False).encode())
    # Each new token has a new file.
    for each in file.parent.glob("completion-*.json"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - each.stat().st_mtime > _OLDEST:
                each.unlink()
