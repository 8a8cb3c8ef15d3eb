"""Certificate Manager without the gateway: direct calls of its HTTP API, and certificates to register."""

import datetime as dt
from typing import Any
from urllib.parse import quote

from tests.support.stack import CERTIFICATE_MANAGER, ControlClient, Stack

PROVIDER = "providers/nhn-certs"
APP_KEY = "certmanager-demo"


class DirectCertificateUser:
    """A program that calls the upstream directly, with the app key of the gateway."""

    def __init__(self, stack: Stack, app_key: str = APP_KEY) -> None:
        self._session = stack.session
        url = stack.emulators[CERTIFICATE_MANAGER].url
        self._base = f"{url}/certmanager/v1.2/appkeys/{app_key}/certificates"

    async def list(self, status: str = "ALL") -> list[dict[str, Any]]:
        """Return every certificate."""
        async with self._session.get(self._base, params={"all": "true", "status": status}) as response:
            envelope = await response.json()
        assert envelope["header"]["isSuccessful"], envelope
        rows: list[dict[str, Any]] = envelope["body"]["data"]
        return rows

    async def file(self, name: str) -> bytes:
        """Download the file of a certificate."""
        async with self._session.get(f"{self._base}/{quote(name, safe='')}/files") as response:
            assert response.content_type == "application/octet-stream"
            return await response.read()


def certificate(name: str) -> str:
    """Return the resource name."""
    return f"{PROVIDER}/certificates/{name}"


async def register(control: ControlClient, name: str, *files: bytes, app_key: str = APP_KEY, **facts: Any) -> None:
    """Register a certificate with these files. facts: see the emulator's `CertificateSeed`."""
    stored = [
        {"file_name": f"{name}-{number}.pem", "content": content.decode()} for number, content in enumerate(files)
    ]
    dates = {key: value.isoformat() if isinstance(value, dt.date) else value for key, value in facts.items()}
    await control.seed({"certificates": [{"name": name, "app_key": app_key, "files": stored, **dates}]})
