"""Checks of the files that the configuration names: certificates, keys, key sets, and policies.

Each section is checked by itself, so that one run reports the problems of all of them. The modules that read key sets
and policies are imported only if the configuration has such files.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from gateway.audit_query.settings import AuditSection
from gateway.authz.settings import PolicySettings
from gateway.config.base import Settings
from gateway.config.loading import validate_valid_keys
from gateway.config.problems import FileError, Place, Problems
from gateway.identity.settings import IdentitySettings, JwtSettings
from gateway.identity.tls_files import TlsFiles
from gateway.journal.settings import AuditSettings
from gateway.journal.write.signing_keys import check_signing_key
from gateway.providers.base.settings import ProviderSettings
from gateway.surface_settings import EnvoySdsSettings, SurfaceSettings, VaultApiSettings

_SECTIONS: Final[Mapping[str, type[Settings]]] = {
    "identity": IdentitySettings,
    "policy": PolicySettings,
    "audit": AuditSection,
    "envoy_sds": EnvoySdsSettings,
    "vault_api": VaultApiSettings,
}


def check(
    tree: Mapping[str, object], provider_types: Mapping[str, type[ProviderSettings]], base: Path, problems: Problems
) -> None:
    """Read the files that a configuration names, and add what prevents their use.

    tree: the configuration with resolved references. A section that is invalid is checked without its invalid keys, if
    they are optional.
    """
    for section, model, data in _sections(tree, provider_types):
        settings = validate_valid_keys(model, data, base)
        for place, read in _reads(settings):
            try:
                read()
            except FileError as error:
                problems.add_files((*section, *place), error)


def _sections(
    tree: Mapping[str, object], provider_types: Mapping[str, type[ProviderSettings]]
) -> Iterator[tuple[Place, type[Settings], object]]:
    """Yield the place, model, and data of each section that can name files."""
    for name, model in _SECTIONS.items():
        yield (name,), model, tree.get(name)
    providers = tree.get("providers")
    for index, item in enumerate(providers if isinstance(providers, list) else ()):
        kind = item.get("type") if isinstance(item, dict) else None
        if isinstance(kind, str) and kind in provider_types:
            yield ("providers", index), provider_types[kind], item


def _reads(settings: Settings | None) -> Iterator[tuple[Place, Callable[[], object]]]:
    """Yield the functions that read the files of a section, each with its place in the section."""
    match settings:
        case IdentitySettings():
            yield (), partial(TlsFiles, settings)
            if settings.jwt is not None:
                yield ("jwt",), partial(_read_keys, settings.jwt)
        case PolicySettings():
            yield (), partial(_read_policies, settings)
        case EnvoySdsSettings() | VaultApiSettings():
            yield from _surface_reads(settings)
        case AuditSettings():
            yield (), partial(check_signing_key, settings)
        case ProviderSettings():
            yield (), settings.http


def _surface_reads(settings: SurfaceSettings) -> Iterator[tuple[Place, Callable[[], object]]]:
    if settings.identity is not None:
        for place, read in _reads(settings.identity):
            yield ("identity", *place), read
    trust_stores = settings.trust_stores if isinstance(settings, EnvoySdsSettings) else {}
    for store, files in trust_stores.items():
        yield ("trust_stores", store), partial(files.certificates)


def _read_policies(settings: PolicySettings) -> None:
    from gateway.authz import policies  # noqa: PLC0415 - see the module's docstring

    policies.load(settings)


def _read_keys(settings: JwtSettings) -> None:
    if settings.jwks_file is not None:
        from gateway.identity.jwks_file import JwksFile  # noqa: PLC0415 - see the module's docstring

        JwksFile(settings.jwks_file)
    else:
        settings.tls()
