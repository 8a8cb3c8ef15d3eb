"""Real kube-apiserver and etcd, which `make check-external` builds, with an encryption configuration."""

import base64
import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import aiohttp
import yaml
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.bench.processes import Server
from tests.support.ports import free_port
from tests.support.programs import unavailable

_BUILD: Final = Path(__file__).parents[2] / "build"
_SHIPPED: Final = Path(__file__).parents[2] / "deploy/kms-plugin/encryption-configuration.yaml"
_TOKEN: Final = "admin-token"
_START_SECONDS: Final = 120.0


def external_program(name: str) -> Path:
    """Return the path of kube-apiserver or etcd; skip the test without it."""
    path = _BUILD / name
    return path if path.is_file() else unavailable(f"{path} is missing (`make check-external` builds it)")


class Etcd:
    """A client of etcd's JSON interface. url: of the clients' port."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._session = session

    async def get(self, path: str) -> bytes:
        """Return a stored value."""
        (found,) = (await self._call("range", key=path.encode()))["kvs"]
        return base64.b64decode(found["value"])

    async def put(self, path: str, value: bytes) -> None:
        """Replace a stored value."""
        await self._call("put", key=path.encode(), value=value)

    async def _call(self, method: str, **fields: bytes) -> Any:
        body = {name: base64.b64encode(value).decode() for name, value in fields.items()}
        async with self._session.post(f"{self.url}/v3/kv/{method}", json=body) as response:
            assert response.status == 200, await response.text()
            return await response.json()


class KubeApiServer:
    """Secrets of one API server."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url = url
        self._session = session

    async def ready(self) -> bool:
        """Return whether it is ready, and the namespace of the secrets exists."""
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}}
        with contextlib.suppress(aiohttp.ClientError):
            if await self._call("GET", "/readyz") == 200:
                return await self._call("POST", "/api/v1/namespaces", namespace) in {201, 409}
        return False

    async def checks(self) -> str:
        """Return the results of its readiness checks."""
        async with self._request("GET", "/readyz?verbose") as response:
            return str(await response.text())

    async def write(self, name: str, value: bytes) -> int:
        """Create or replace a secret; return the HTTP status."""
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name},
            "data": {"value": base64.b64encode(value).decode()},
        }
        created = await self._call("POST", _SECRETS, body)
        return created if created != 409 else await self._call("PUT", f"{_SECRETS}/{name}", body)

    async def read(self, name: str) -> bytes:
        """Return a secret. Raises AssertionError with the status of a failure."""
        async with self._request("GET", f"{_SECRETS}/{name}") as response:
            answer = await response.json()
        assert response.status == 200, f"{response.status}: {answer['message']}"
        return base64.b64decode(answer["data"]["value"])

    async def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> int:
        async with self._request(method, path, json=body) as response:
            status: int = response.status
            return status

    def _request(self, method: str, path: str, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {_TOKEN}"}
        return self._session.request(method, f"{self._url}{path}", headers=headers, ssl=False, **options)


_SECRETS: Final = "/api/v1/namespaces/default/secrets"


@contextlib.contextmanager
def etcd(folder: Path) -> Iterator[str]:
    """Run etcd; yield its URL."""
    client, peer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    command = [
        *(external_program("etcd"), "--data-dir", folder / "etcd", "--unsafe-no-fsync", "--log-level", "warn"),
        *("--listen-client-urls", client, "--advertise-client-urls", client),
        *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}"),
    ]
    with Server(command, int(client.rpartition(":")[2]), folder / "etcd.log"):
        yield client


@contextlib.contextmanager
def kube_apiserver(folder: Path, name: str, etcd_url: str, socket: Path) -> Iterator[str]:
    """Run an API server that encrypts secrets with the plugin at a socket; yield its URL."""
    port = free_port()
    own = folder / name
    own.mkdir(exist_ok=True)
    configuration = yaml.safe_load(_SHIPPED.read_text())
    configuration["resources"][0]["providers"][0]["kms"]["endpoint"] = f"unix://{socket}"
    (own / "encryption.yaml").write_text(yaml.safe_dump(configuration))
    (own / "tokens.csv").write_text(f'{_TOKEN},admin,admin,"system:masters"\n')
    private, public = _account_keys(folder)
    flags = {
        "etcd-servers": etcd_url,
        "secure-port": port,
        "bind-address": "127.0.0.1",
        "cert-dir": own,
        "service-account-issuer": "https://kubernetes.example.org",
        "service-account-signing-key-file": private,
        "service-account-key-file": public,
        "token-auth-file": own / "tokens.csv",
        "authorization-mode": "RBAC",
        "encryption-provider-config": own / "encryption.yaml",
        "service-cluster-ip-range": "10.0.0.0/24",
        "advertise-address": "127.0.0.1",
        "endpoint-reconciler-type": "none",
        "disable-admission-plugins": "ServiceAccount",
    }
    command = [external_program("kube-apiserver"), *(f"--{flag}={value}" for flag, value in flags.items())]
    with Server(command, port, own / "kube-apiserver.log", start_seconds=_START_SECONDS):
        yield f"https://127.0.0.1:{port}"


def _account_keys(folder: Path) -> tuple[Path, Path]:
    """Return the files with the keys for tokens of service accounts, which all API servers share."""
    private, public = folder / "accounts.key", folder / "accounts.pub"
    if not private.exists():
        key = rsa.generate_private_key(65_537, 2048)
        private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return private, public
