"""The configuration of a gateway whose callers have bearer tokens, for a process."""

from pathlib import Path
from typing import Any

import yaml

from tests.support.authority import AUDIENCE, ISSUER, CertificateAuthority, TokenIssuer


class TokenGateway:
    """The files of a gateway with tokens over TLS, without providers.

    options: top-level values of the configuration.
    """

    def __init__(self, folder: Path, **options: Any) -> None:
        self.authority = CertificateAuthority()
        self.issuer = TokenIssuer()
        self.authority.server().write(folder, "server")
        (folder / "jwks.json").write_bytes(self.issuer.jwks())
        (folder / "policies.cedar").write_text('@id("all")\npermit (principal, action, resource);\n')
        jwt = {"issuer": ISSUER, "audience": AUDIENCE, "jwks_file": "jwks.json"}
        tree = {
            "listen": "localhost:0",
            "drain_delay": 0,
            "identity": {"certificate_file": "server.pem", "private_key_file": "server.key", "jwt": jwt},
            "policy": {"policy_files": ["policies.cedar"]},
            "audit": {"directory": "audit"},
            **options,
        }
        self.config = folder / "keyway.yaml"
        self.config.write_text(yaml.safe_dump(tree))
