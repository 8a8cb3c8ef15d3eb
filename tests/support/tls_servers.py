"""nginx and HAProxy on free ports, with the files of the renewal agent, and clients that test them continuously."""

import asyncio
import contextlib
import hashlib
import os
import shutil
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.support.ports import free_port
from tests.support.programs import PACKAGES, unavailable
from tests.support.waiting import eventually

_NGINX: Final = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
worker_processes 2;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/nginx-body;
    proxy_temp_path {folder}/nginx-proxy;
    fastcgi_temp_path {folder}/nginx-fastcgi;
    uwsgi_temp_path {folder}/nginx-uwsgi;
    scgi_temp_path {folder}/nginx-scgi;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {files}/fullchain.pem;
        ssl_certificate_key {files}/private.key;
        return 200;
    }}
}}
"""


_START_SECONDS: Final = 60.0
"""The time limit of a start, for slow machines. Tomcat needs the most."""

_HAPROXY: Final = """
global
    stats socket {folder}/admin.sock mode 600 level admin expose-fd listeners
defaults
    mode http
    timeout connect 10s
    timeout client 10s
    timeout server 10s
frontend tls
    bind 127.0.0.1:{port} ssl crt {files}/site.pem
    http-request return status 200
"""


def server_program(name: str) -> str:
    """Return the path of a server, which Debian installs in /usr/sbin; skip the test without it."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    return found or unavailable(f"{name} is not on PATH ({PACKAGES.get(name, 'install it')})")


@dataclass
class TlsServer:
    """A server for one certificate. files: the link to the current version."""

    folder: Path
    files: Path
    port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        self.config = self.folder / f"{type(self).__name__.lower()}.conf"
        self.config.write_text(self.template.format(folder=self.folder, port=self.port, files=self.files))

    program_name: ClassVar[str]
    template: ClassVar[str]

    def command(self, *arguments: str) -> list[str]:
        """Return a command line of the server with this configuration."""
        raise NotImplementedError

    def actions(self) -> dict[str, Any]:
        """Return `check`, `reload`, and `verify` of the agent."""
        raise NotImplementedError

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the server, which needs the files of a certificate."""
        process = await asyncio.create_subprocess_exec(*self.command())
        try:
            await eventually(self._serves, _START_SECONDS)
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()

    async def _serves(self) -> bool:
        with contextlib.suppress(OSError):
            await served_certificate(self.port)
            return True
        return False


class Nginx(TlsServer):
    """nginx with two workers."""

    program_name = "nginx"
    template = _NGINX

    def command(self, *arguments: str) -> list[str]:
        """Return a command line of nginx with this configuration."""
        program = server_program(self.program_name)
        log = f"{self.folder}/nginx.log"
        return [program, "-p", str(self.folder), "-e", log, "-c", str(self.config), *arguments]

    def actions(self) -> dict[str, Any]:
        """Return the commands of nginx itself."""
        return {
            "check": {"command": self.command("-t")},
            "reload": {"command": self.command("-s", "reload")},
            "verify": {"address": f"127.0.0.1:{self.port}", "server_name": "www.agent.example.com"},
        }


class HaProxy(TlsServer):
    """HAProxy with a master process, which a signal reloads."""

    program_name = "haproxy"
    template = _HAPROXY

    def command(self, *arguments: str) -> list[str]:
        """Return a command line of HAProxy with this configuration."""
        own = arguments or ("-W", "-p", f"{self.folder}/haproxy.pid")
        return [server_program(self.program_name), "-f", str(self.config), *own]

    def actions(self) -> dict[str, Any]:
        """Return the check of HAProxy, and the signal for its master process."""
        return {
            "check": {"command": self.command("-c", "-q")},
            "reload": {"signal": "USR2", "pid_file": f"{self.folder}/haproxy.pid"},
            "verify": {"address": f"127.0.0.1:{self.port}", "server_name": "www.agent.example.com"},
        }


async def served_certificate(port: int) -> str:
    """Return the SHA-256 fingerprint of the certificate that a new connection receives, after one HTTP request."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    async with asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        try:
            found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            writer.write(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
            head = await reader.readline()
            if b"200" not in head:
                raise ConnectionError(f"unexpected response: {head!r}")
        finally:
            writer.transport.abort()
    return hashlib.sha256(found).hexdigest()


@dataclass
class HandshakeWatcher:
    """A client that connects all the time. seen: the fingerprints in their order. failures: of connections."""

    port: int
    seen: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    connections: int = 0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["HandshakeWatcher"]:
        """Connect in the background."""
        task = asyncio.create_task(self._connect())
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def until_seen(self, fingerprint: str) -> None:
        """Wait until a connection has received this certificate."""

        async def seen() -> bool:
            return fingerprint in self.seen

        await eventually(seen, _START_SECONDS, otherwise=lambda: "\n".join(self.failures))

    async def _connect(self) -> None:
        while True:
            try:
                found = await served_certificate(self.port)
            except (OSError, TimeoutError) as error:
                self.failures.append(repr(error))
            else:
                self.connections += 1
                if self.seen[-1:] != [found]:
                    self.seen.append(found)


@dataclass
class PairReader:
    """A program that opens the directory once per read, and compares the certificate and the key."""

    current: Path
    names: tuple[str, str] = ("fullchain.pem", "private.key")
    reads: int = 0
    mixed: list[str] = field(default_factory=list)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["PairReader"]:
        """Read in the background, from another thread."""
        stop = asyncio.Event()

        async def read() -> None:
            while not stop.is_set():
                await asyncio.to_thread(self._read)

        task = asyncio.create_task(read())
        try:
            yield self
        finally:
            stop.set()
            await task

    def _read(self) -> None:
        folder = os.open(self.current, os.O_RDONLY | os.O_DIRECTORY)
        try:
            chain, key = (_content(folder, name) for name in self.names)
        finally:
            os.close(folder)
        self.reads += 1
        if not pair_matches(chain, key):
            self.mixed.append(hashlib.sha256(chain).hexdigest())


def _content(folder: int, name: str) -> bytes:
    descriptor = os.open(name, os.O_RDONLY, dir_fd=folder)
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def pair_matches(chain: bytes, key: bytes) -> bool:
    """Return whether a private key belongs to the first certificate of a chain."""
    return load_pem_private_key(key, None).public_key() == x509.load_pem_x509_certificate(chain).public_key()
