"""Settings of the KMS v2 plugin: its own YAML file, which is not the configuration of a gateway."""

import ssl
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field, field_validator

from gateway.config.base import Located, Settings, listen_address
from gateway.config.loading import Document, validate
from gateway.config.problems import FileError, Problems
from gateway.config.secret_references import resolve
from gateway.contract.resource_names import KEY
from gateway.surfaces.kms.sealing import LARGEST_CIPHERTEXT, OVERHEAD

_SHORTEST_ENCRYPTED_KEY: Final = 44
"""A data key of 32 bytes in Base64."""
_SEED_BYTES: Final = 32
"""The plaintext that kube-apiserver encrypts."""
LONGEST_KEY_NAME: Final = LARGEST_CIPHERTEXT - OVERHEAD - _SEED_BYTES - _SHORTEST_ENCRYPTED_KEY
_LONGEST_SOCKET_PATH: Final = 107

_Cluster = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[\x21-\x7e]+$")]


class KmsGatewaySettings(Settings):
    """The gateway that the plugin calls, with mutual TLS."""

    address: str = Field(
        min_length=1, description="HOST:PORT of the gateway, or dns:///HOST:PORT for several replicas."
    )
    certificate_file: Located = Field(description="PEM client certificate with its chain.")
    private_key_file: Located = Field(description="PEM private key of the client certificate.")
    ca_file: Located | None = Field(
        default=None, description="PEM certificates of the authorities of the gateway. Default: those of the system."
    )
    server_name: str | None = Field(
        default=None, min_length=1, description="Name in the gateway's certificate, if it differs from the address."
    )

    def files(self) -> tuple[Path, ...]:
        """Return the files, which can change while the plugin runs."""
        return tuple(file for file in (self.certificate_file, self.private_key_file, self.ca_file) if file is not None)

    def check_files(self) -> None:
        """Raise FileError for files that cannot be used."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            # The password prevents a prompt on the terminal.
            context.load_cert_chain(self.certificate_file, self.private_key_file, password=lambda: b"")
        except (OSError, ValueError) as error:
            raise _file_error(
                "certificate_file", f"{self.certificate_file} with {self.private_key_file}", error
            ) from None
        if self.ca_file is not None:
            try:
                context.load_verify_locations(self.ca_file)
            except (OSError, ValueError) as error:
                raise _file_error("ca_file", str(self.ca_file), error) from None


class KmsPluginSettings(Settings):
    """The configuration of `keyway-gateway kms-plugin`."""

    cluster: _Cluster = Field(
        description=(
            "Name of the cluster, the same on all its API servers: 1 to 256 printable ASCII characters without spaces. "
            "It is bound to every ciphertext and must never change."
        )
    )
    key: str = Field(description="The symmetric key that encrypts: providers/PROVIDER/keys/KEY.")
    previous_keys: tuple[str, ...] = Field(
        default=(), description="Keys that encrypted existing data. The plugin only decrypts with them."
    )
    socket: Located = Field(
        description=(
            "Path of the Unix socket. Its folder must belong to the user of the plugin and have mode 0700; a missing "
            "folder is created."
        )
    )
    gateway: KmsGatewaySettings = Field(description="The gateway that the plugin calls.")
    metrics_listen: str | None = Field(
        default=None, description="HOST:PORT of the metrics for Prometheus. Default: no metrics."
    )
    timeout: float = Field(
        default=2.5,
        ge=0.1,
        le=60,
        description="Seconds for one request. It must be less than `timeout` in the EncryptionConfiguration.",
    )
    data_key_uses: int = Field(
        default=1000, ge=1, le=100_000, description="Maximum number of Encrypt requests that use the same data key."
    )
    data_key_seconds: float = Field(
        default=300.0, ge=1, le=3600, description="Maximum seconds from the request of a data key to its last use."
    )

    @field_validator("key", "previous_keys")
    @classmethod
    def _usable_keys(cls, value: Any) -> Any:
        for name in (value,) if isinstance(value, str) else value:
            if KEY.parse(name) is None:
                raise ValueError("must be the full name of a key: providers/PROVIDER/keys/KEY")
            if len(name.encode()) > LONGEST_KEY_NAME:
                raise ValueError(
                    f"must have at most {LONGEST_KEY_NAME} bytes: "
                    f"Kubernetes limits a ciphertext, which contains the name, to {LARGEST_CIPHERTEXT} bytes"
                )
        return value

    @field_validator("socket")
    @classmethod
    def _short_path(cls, value: Path) -> Path:
        if len(str(value.absolute()).encode()) > _LONGEST_SOCKET_PATH:
            raise ValueError(f"the path of a Unix socket must have at most {_LONGEST_SOCKET_PATH} bytes")
        return value.absolute()

    @field_validator("metrics_listen")
    @classmethod
    def _valid_address(cls, value: str | None) -> str | None:
        if value is not None and listen_address(value) is None:
            raise ValueError("must be HOST:PORT, with a port of at most 65535, and an IPv6 address in brackets")
        return value


def load(path: Path) -> KmsPluginSettings:
    """Return the settings in a file, with its files checked. Raises ConfigError."""
    document = Document(path)
    problems = Problems(document.position)
    settings = validate(KmsPluginSettings, resolve(document.tree, path.parent, problems), (), problems, path.parent)
    if settings is not None:
        try:
            settings.gateway.check_files()
        except FileError as error:
            problems.add_files(("gateway",), error)
    if problems or settings is None:
        raise problems.error()
    return settings


def _file_error(key: str, files: str, error: Exception) -> FileError:
    cause = getattr(error, "reason", None) or getattr(error, "strerror", None) or "invalid PEM"
    text = f"{files}: {cause}"
    return FileError(text, {(key,): [text]})
