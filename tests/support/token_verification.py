"""A token verifier over a JWKS file, for tests."""

from pathlib import Path
from typing import Any

import pytest

from gateway.identity.caller import Caller
from gateway.identity.errors import AuthenticationError, AuthenticationFailure
from gateway.identity.jwks_file import JwksFile
from gateway.identity.settings import JwtSettings
from gateway.identity.tokens import TokenVerifier
from tests.support.authority import AUDIENCE, ISSUER


class Verifying:
    """A token verifier over a JWKS file in a folder."""

    def __init__(self, folder: Path, content: bytes, **options: Any) -> None:
        self.file = folder / "jwks.json"
        self.file.write_bytes(content)
        settings = {"issuer": ISSUER, "audience": AUDIENCE, "jwks_file": self.file, "leeway": 0, **options}
        self.verifier = TokenVerifier(JwtSettings.model_validate(settings), JwksFile(self.file, interval=0))

    async def caller(self, token: str) -> Caller:
        return await self.verifier.verify(token)

    async def refusal(self, token: str) -> tuple[AuthenticationFailure, str]:
        with pytest.raises(AuthenticationError) as caught:
            await self.verifier.verify(token)
        return caught.value.failure, caught.value.reason
