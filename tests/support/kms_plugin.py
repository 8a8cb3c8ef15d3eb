"""The KMS v2 plugin over a gateway with mutual TLS and the emulated key manager, and a client at its Unix socket."""

import contextlib
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import grpc
import yaml

from gateway.surfaces.kms import kms_messages as kms
from gateway.surfaces.kms.plugin import plugin
from gateway.surfaces.kms.settings import load
from keyway import aio
from tests.support.ports import free_port
from tests.support.stack import KEY_MANAGER, Gateway, Stack
from tests.support.trusted import OPERATOR, POLICIES, Trusted

API_SERVER: Final = "spiffe://example.org/kms/node-1"
KEY_ID: Final = "cluster-key"
KEY: Final = f"providers/nhn-keys/keys/{KEY_ID}"
CLUSTER: Final = "cluster-1"
_SECONDS: Final = 20.0

_POLICY: Final = """
@id("api-server-%d")
permit (
  principal == Keyway::Caller::"spiffe://example.org/kms/node-1",
  action in [Keyway::Action::"GenerateDataKey", Keyway::Action::"Decrypt"],
  resource == Keyway::Key::"%s"
);
"""


class KmsScene:
    """A gateway, and configurations of plugins for it. The gateway listens on one port for the whole scene.

    sockets: a folder with a short path, because the path of a socket has at most 107 bytes.
    """

    def __init__(self, folder: Path, sockets: Path, stack: Stack) -> None:
        self.folder = folder
        self.sockets = sockets
        self.stack = stack
        self.address = f"localhost:{free_port()}"
        self.trusted = Trusted(folder, stack, listen=self.address)
        self._permitted: list[str] = []
        self.permit(KEY)
        self.issue_certificate()

    def permit(self, key: str) -> None:
        """Permit the plugins to use another key."""
        self._permitted.append(key)
        policies = (_POLICY % numbered for numbered in enumerate(self._permitted))
        (self.folder / "policies.cedar").write_text(POLICIES + "".join(policies))

    def issue_certificate(self, caller: str = API_SERVER) -> None:
        """Issue a new client certificate for the plugins."""
        self.trusted.authority.issue(uris=[caller]).write(self.folder, "plugin")

    async def create_key(self, key_id: str = KEY_ID) -> None:
        """Create the key at the upstream."""
        await self.stack.controls[KEY_MANAGER].call("POST", "/seed", {"symmetric_keys": [{"id": key_id}]})

    async def rotate_key(self) -> None:
        """Create a new version of the key."""
        await self.stack.controls[KEY_MANAGER].call("POST", "/seed", {"rotate": [KEY_ID]})

    async def break_upstream(self, path: str = "") -> None:
        """Make the upstream reset the connection of every request, by default to any path."""
        fault = {"mode": "reset", "count": 1_000_000, **({"path": path} if path else {})}
        await self.stack.controls[KEY_MANAGER].call("POST", "/faults", fault)

    async def repair_upstream(self) -> None:
        """Make the upstream work again."""
        await self.stack.controls[KEY_MANAGER].call("DELETE", "/faults")

    def socket(self, name: str = "plugin") -> Path:
        """Return the path of the socket of a plugin."""
        return self.sockets / name / "kms.sock"

    @contextlib.asynccontextmanager
    async def gateway(self) -> AsyncIterator[Gateway]:
        """Run the gateway."""
        async with Gateway(self.trusted.settings()) as gateway:
            yield gateway

    def operator(self) -> aio.Client:
        """Return a client that authenticates as the operator. Policy permits the operator to use every key."""
        leaf = self.trusted.authority.issue(uris=[OPERATOR])
        return aio.connect(
            self.address, ca=self.trusted.authority.pem, certificate=leaf.chain_pem, private_key=leaf.key_pem
        )

    def write(self, name: str = "plugin", **options: Any) -> Path:
        """Write the configuration of a plugin, and return its path. name: of the plugin on this machine."""
        path = self.folder / f"{name}.yaml"
        tree = {
            "cluster": CLUSTER,
            "key": KEY,
            "socket": str(self.socket(name)),
            "gateway": {
                "address": self.address,
                "certificate_file": "plugin.pem",
                "private_key_file": "plugin.key",
                "ca_file": "callers-ca.pem",
            },
            "timeout": 10,
            **options,
        }
        path.write_text(yaml.safe_dump(tree))
        return path

    @contextlib.asynccontextmanager
    async def plugin(self, name: str = "plugin", **options: Any) -> AsyncIterator["KmsClient"]:
        """Run a plugin, and connect to it."""
        async with plugin(load(self.write(name, **options))) as address, KmsClient(address) as client:
            yield client

    def outcomes(self, operation: str) -> list[dict[str, Any]]:
        """Return the recorded outcomes of a method of the gateway."""
        return [
            event
            for event in self.trusted.events()
            if event["metadata"]["event_code"] == "outcome" and event["api"]["operation"].endswith(f"/{operation}")
        ]


class KmsClient:
    """The methods of KMS v2 at a Unix socket."""

    def __init__(self, address: str) -> None:
        self.channel = grpc.aio.insecure_channel(
            address, options=(("grpc.use_local_subchannel_pool", 1), ("grpc.default_authority", "localhost"))
        )

    async def __aenter__(self) -> "KmsClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.channel.close()

    async def status(self) -> str:
        """Return the key ID of a healthy status."""
        response = await self._call("Status", kms.StatusRequest(), kms.StatusResponse)
        assert (response.version, response.healthz) == ("v2", "ok")
        return str(response.key_id)

    async def encrypt(self, plaintext: bytes, uid: str = "") -> Any:
        """Return the response of Encrypt."""
        request = kms.EncryptRequest(plaintext=plaintext, uid=uid or new_uid())
        return await self._call("Encrypt", request, kms.EncryptResponse)

    async def decrypt(self, ciphertext: bytes, key_id: str = "", uid: str = "") -> bytes:
        """Return the plaintext."""
        request = kms.DecryptRequest(ciphertext=ciphertext, uid=uid or new_uid(), key_id=key_id)
        return bytes((await self._call("Decrypt", request, kms.DecryptResponse)).plaintext)

    async def failure(self, call: Any) -> tuple[str, str]:
        """Return the status and the message of a call that must fail."""
        try:
            await call
        except grpc.aio.AioRpcError as error:
            return error.code().name, error.details() or ""
        raise AssertionError("the call succeeded")

    async def _call(self, method: str, request: Any, response: Any) -> Any:
        call: Any = self.channel.unary_unary(
            f"/{kms.SERVICE}/{method}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=response.FromString,
        )
        return await call(request, timeout=_SECONDS, wait_for_ready=True)


def new_uid() -> str:
    """Return an ID of a request."""
    return secrets.token_hex(16)
