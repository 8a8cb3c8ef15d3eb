"""The settings of the agent, as the configuration file states them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from keyway.agent.actions import Action
from keyway.agent.outputs import OutputFile
from keyway.agent.schedule import Schedule


@dataclass(frozen=True, slots=True)
class ServerCheck:
    """A TLS server that must serve the new certificate after the reload.

    seconds: how long to wait until it does.
    """

    host: str
    port: int
    server_name: str | None
    seconds: float


@dataclass(frozen=True, slots=True)
class TrustStoreSource:
    """A trust store whose authorities go into the trust bundle.

    name: its resource name. certificates_file: PEM certificates. Providers describe authorities and do not return their
    certificates. The trust bundle contains the certificates in the file whose authorities are in the trust store.
    """

    name: str
    certificates_file: Path


@dataclass(frozen=True, slots=True)
class ManagedCertificate:
    """One certificate that the agent keeps up to date.

    name: identifies it on this machine. certificate: its resource name. authorities: resource names of certificates
    whose chains go into the trust bundle, together with those of `trust_store`. hosts: names that the certificate must
    be valid for.
    """

    name: str
    certificate: str
    authorities: tuple[str, ...]
    trust_store: TrustStoreSource | None
    hosts: tuple[str, ...]
    directory: Path
    outputs: tuple[OutputFile, ...]
    password_file: Path | None
    private_key_password_file: Path | None
    schedule: Schedule
    check: Action | None
    reload: Action | None
    verify: ServerCheck | None

    @property
    def needs_key(self) -> bool:
        """Whether a file contains the private key."""
        return any(output.is_private for output in self.outputs)


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """The whole file. connection: the arguments of `keyway.aio.connect`, except the token.

    poll_seconds: the time between two downloads of each certificate, if the gateway cannot push changes.
    metrics: the host and the port of the listener for Prometheus.
    """

    connection: Mapping[str, Any]
    token_file: Path | None
    state_directory: Path
    health_file: Path | None
    metrics: tuple[str, int] | None
    poll_seconds: float
    watch: bool
    certificates: tuple[ManagedCertificate, ...]

    def input_files(self) -> Iterator[Path]:
        """Yield the files that the agent only reads: TLS files, passwords, tokens, and certificates of trust stores."""
        for name in ("ca", "certificate", "private_key"):
            if name in self.connection:
                yield Path(self.connection[name])
        passwords = ((each.password_file, each.private_key_password_file) for each in self.certificates)
        for file in (self.token_file, *chain.from_iterable(passwords)):
            if file is not None:
                yield file
        for each in self.certificates:
            if each.trust_store is not None:
                yield each.trust_store.certificates_file
