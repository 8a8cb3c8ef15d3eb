"""The upstream of the benchmark: an nginx with fixed responses, at a fraction of the measured cost."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench.material import Material
from tests.bench.processes import Server
from tests.support.ports import free_port

# Connections are never closed, so that calls are measured, not handshakes.
_CONFIGURATION: Final = """
daemon off;
master_process off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 3600;
    default_type application/json;
    client_body_temp_path {folder}/nginx-body;
    proxy_temp_path {folder}/nginx-proxy;
    fastcgi_temp_path {folder}/nginx-fastcgi;
    uwsgi_temp_path {folder}/nginx-uwsgi;
    scgi_temp_path {folder}/nginx-scgi;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        listen 127.0.0.1:{tls_port} ssl backlog=4096;
        ssl_certificate {certificate};
        ssl_certificate_key {private_key};
        location ~ /encrypt$ {{ return 200 '{encrypt}'; }}
        location ~ /publicKey$ {{ return 200 '{public_key}'; }}
        location ~ /certificates$ {{ return 200 '{certificates}'; }}
        location ~ /files$ {{ default_type application/octet-stream; return 200 '{file}'; }}
    }}
}}
"""


@dataclass(frozen=True)
class Upstream:
    """A running upstream."""

    server: Server
    port: int
    tls_port: int

    def url(self, *, tls: bool) -> str:
        """The base URL."""
        return f"https://127.0.0.1:{self.tls_port}" if tls else f"http://127.0.0.1:{self.port}"


@contextlib.contextmanager
def upstream(nginx: Path, material: Material) -> Iterator[Upstream]:
    """Run the upstream while the block runs."""
    port, tls_port = free_port(), free_port()
    certificate, private_key = material.server_files
    text = _CONFIGURATION.format(
        folder=material.folder,
        port=port,
        tls_port=tls_port,
        certificate=certificate,
        private_key=private_key,
        encrypt=material.encrypt_answer.decode(),
        public_key=material.public_key_answer.decode(),
        certificates=material.certificate_list_answer.decode(),
        file=material.certificate_file_answer.decode(),
    )
    configuration = material.file("nginx.conf", text.encode())
    command = (nginx, "-c", configuration, "-p", material.folder, "-e", material.folder / "nginx-error.log")
    with Server(command, port, material.folder / "nginx.log") as server:
        yield Upstream(server, port, tls_port)
