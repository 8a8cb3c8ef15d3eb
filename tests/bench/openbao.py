"""OpenBao as a competitor: transit engine, a token with its own policy, and an audit file.

Storage is in memory: encrypting does not access it, and nothing must survive the measurement."""

import contextlib
import http.client
import json
import ssl
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tests.bench.material import KEY, PLAINTEXT, Material
from tests.bench.processes import Server
from tests.bench.target import Target
from tests.support.ports import free_port

_CONFIGURATION: Final = """
api_addr = "{scheme}://127.0.0.1:{port}"
storage "inmem" {{}}
listener "tcp" {{
  address = "127.0.0.1:{port}"
  {tls}
}}
audit "file" "file" {{
  options {{ file_path = "{folder}/audit.log" }}
}}
"""
_TOKEN: Final = "X-Vault-Token"
_POLICY: Final = f'path "transit/encrypt/{KEY}" {{ capabilities = ["update"] }}'


@contextlib.contextmanager
def openbao(program: Path, material: Material, folder: Path, *, tls: bool) -> Iterator[tuple[Server, Target]]:
    """Start a server, initialize, unseal, and configure it; yield the encrypt call."""
    port = free_port()
    certificate, key = material.server_files
    files = f'tls_cert_file = "{certificate}"\n  tls_key_file = "{key}"' if tls else "tls_disable = true"
    text = _CONFIGURATION.format(scheme="https" if tls else "http", port=port, folder=folder, tls=files)
    configuration = folder / "openbao.hcl"
    configuration.write_text(text)
    authority = material.authority_file if tls else None
    with Server((program, "server", f"-config={configuration}"), port, folder / "openbao.log") as server:
        token = _set_up(_Api(port, authority))
        body = json.dumps({"plaintext": b64encode(PLAINTEXT).decode()}).encode()
        headers = {_TOKEN: token, "content-type": "application/json"}
        yield server, Target(port, f"/v1/transit/encrypt/{KEY}", body, grpc=False, headers=headers, authority=authority)


class _Api:
    def __init__(self, port: int, authority: Path | None) -> None:
        self._port = port
        self._tls = ssl.create_default_context(cafile=str(authority)) if authority else None
        self.token = ""

    def call(self, method: str, path: str, data: dict[str, Any]) -> Any:
        connection = (
            http.client.HTTPSConnection("127.0.0.1", self._port, timeout=30, context=self._tls)
            if self._tls is not None
            else http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        )
        try:
            connection.request(method, f"/v1/{path}", json.dumps(data), {_TOKEN: self.token} if self.token else {})
            response = connection.getresponse()
            answer = response.read()
        finally:
            connection.close()
        if response.status >= 300:
            raise RuntimeError(f"OpenBao returned {response.status} for {path}")
        return json.loads(answer) if answer else None


def _set_up(api: _Api) -> str:
    """Return a token that may only encrypt."""
    made = api.call("PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1})
    api.call("PUT", "sys/unseal", {"key": made["keys"][0]})
    api.token = made["root_token"]
    api.call("POST", "sys/mounts/transit", {"type": "transit"})
    api.call("POST", f"transit/keys/{KEY}", {})
    api.call("PUT", "sys/policies/acl/bench", {"policy": _POLICY})
    created = api.call("POST", "auth/token/create", {"policies": ["bench"], "ttl": "24h"})
    token: str = created["auth"]["client_token"]
    return token
