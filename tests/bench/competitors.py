"""The competitors: how to start each one, and the call that is measured."""

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from keyway.v1 import key_service_pb2 as keys
from tests.bench import gateway_settings, tools
from tests.bench.gateway_settings import Parts
from tests.bench.material import APP_KEY, BATCH_ITEMS, CIPHERTEXT, KEY, KEY_VERSION, Material
from tests.bench.openbao import openbao
from tests.bench.processes import Server
from tests.bench.target import Target
from tests.bench.upstream import Upstream
from tests.support.ports import free_port

ENCRYPT: Final = "/keyway.v1.KeyService/Encrypt"
BATCH_ENCRYPT: Final = "/keyway.v1.KeyService/BatchEncrypt"
GET_PUBLIC_KEY: Final = "/keyway.v1.KeyService/GetPublicKey"
GET_CERTIFICATE: Final = "/keyway.v1.CertificateService/GetCertificate"
DOWNLOAD_CERTIFICATE: Final = "/keyway.v1.CertificateService/DownloadCertificate"
_CERTIFICATE_METHODS: Final = frozenset({GET_CERTIFICATE, DOWNLOAD_CERTIFICATE})

Kind = Literal["gateway", "naive", "echo", "openbao", "direct"]


@dataclass(frozen=True)
class Surroundings:
    """Environment of the competitors: shared material, the upstream, a telemetry sink, and the gateway's code.

    python: the interpreter that runs the gateway.
    """

    material: Material
    upstream: Upstream
    sink: int
    root: Path
    python: Path = Path(sys.executable)


@dataclass(frozen=True)
class Competitor:
    """One row of a table.

    name: used in files and options. label: shown in tables. tls: on both sides. upstream_tls: TLS to the upstream, if
    different. uvloop: use uvloop instead of asyncio's event loop, if the server supports both.
    """

    name: str
    label: str
    kind: Kind
    tls: bool = False
    upstream_tls: bool | None = None
    parts: Parts = gateway_settings.BARE
    uvloop: bool = False
    method: str = ENCRYPT
    generator: Literal["h2load", "ghz"] = "h2load"

    @contextlib.contextmanager
    def running(
        self,
        around: Surroundings,
        folder: Path,
        wrapper: Sequence[object] = (),
        *,
        start_seconds: float = 30.0,
        environment: Mapping[str, str] | None = None,
    ) -> Iterator[tuple[Server, Target]]:
        """Run the server while the block runs. Its files are written below `folder`.

        wrapper: a command that runs the server, for servers in Python. start_seconds: how long the start may take.
        environment: additional variables, for servers in Python.
        """
        if self.kind == "openbao":
            with openbao(tools.bao(), around.material, folder, tls=self.tls) as pair:
                yield pair
        elif self.kind == "direct":
            yield around.upstream.server, self._direct(around)
        else:
            port = free_port()
            command = self._gateway(around, folder, port) if self.kind == "gateway" else self._plain(around, port)
            root = around.root if self.kind == "gateway" else tools.ROOT
            with Server(
                (*wrapper, *command),
                port,
                folder / "server.log",
                folder=root,
                environment={**_environment(), **(environment or {})},
                start_seconds=start_seconds,
            ) as server:
                yield server, self._grpc(around, port)

    def _direct(self, around: Surroundings) -> Target:
        public = self.method == GET_PUBLIC_KEY
        kind, operation = ("asymmetric", "publicKey") if public else ("symmetric", "encrypt")
        return Target(
            around.upstream.tls_port if self.tls else around.upstream.port,
            f"/keymanager/v1.0/appkey/{APP_KEY}/{kind}-keys/{KEY}/{operation}",
            b"" if public else b'{"plaintext": "NDExMSAxMTExIDExMTEgMTExMTsgMTIvMjk="}',
            grpc=False,
            answer=around.material.public_key_answer if public else around.material.encrypt_answer,
            authority=around.material.authority_file if self.tls else None,
        )

    def _gateway(self, around: Surroundings, folder: Path, port: int) -> Sequence[object]:
        upstream = around.upstream.url(tls=self._upstream_tls)
        configuration = gateway_settings.write(
            around.material,
            folder,
            self.parts,
            port=port,
            upstream=upstream,
            sink=around.sink,
            others=[gateway_settings.certificates(upstream)] if self.method in _CERTIFICATE_METHODS else (),
        )
        return (around.python, "-m", "gateway", "serve", "--config", configuration)

    def _plain(self, around: Surroundings, port: int) -> Sequence[object]:
        command: list[object] = [sys.executable, "-m", "tests.bench.plain_servers", self.kind, "--port", port]
        command += ["--endpoint", around.upstream.url(tls=self._upstream_tls)]
        command += ["--uvloop"] if self.uvloop else []
        if self._upstream_tls:
            command += ["--authority", around.material.authority_file]
        if self._callers_tls:
            certificate, key = around.material.server_files
            command += ["--certificate", certificate, "--private-key", key]
        return command

    def _grpc(self, around: Surroundings, port: int) -> Target:
        material = around.material
        identity = self.parts.identity
        request, answer = _exchange(self.method, material)
        return Target(
            port,
            self.method,
            request,
            grpc=True,
            answer=answer,
            headers={"authorization": f"Bearer {material.token}"} if identity == "jwt" else {},
            authority=material.authority_file if self._callers_tls else None,
            client=material.caller_files if identity == "mtls" else None,
        )

    @property
    def _upstream_tls(self) -> bool:
        return self.tls if self.upstream_tls is None else self.upstream_tls

    @property
    def _callers_tls(self) -> bool:
        return self.tls or self.parts.identity is not None


def _exchange(method: str, material: Material) -> tuple[bytes, bytes | None]:
    """The request and its expected response; None if the response is not known in advance."""
    response = keys.EncryptResponse(ciphertext=CIPHERTEXT, key_version=KEY_VERSION)
    if method == GET_CERTIFICATE:
        return material.get_certificate_request, None
    if method == DOWNLOAD_CERTIFICATE:
        return material.download_request, None
    if method == GET_PUBLIC_KEY:
        return material.public_key_request, None  # the gateway also returns it as PEM
    if method == BATCH_ENCRYPT:
        results = [keys.BatchEncryptResult(response=response)] * BATCH_ITEMS
        return material.batch_request, keys.BatchEncryptResponse(results=results).SerializeToString()
    return material.encrypt_request, response.SerializeToString()


def _environment() -> dict[str, str]:
    """A minimal environment, without variables of the developer's shell."""
    return {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
