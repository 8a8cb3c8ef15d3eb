"""The type of settings that hold a CA bundle for a gRPC connection."""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, SecretBytes

from gateway import pem
from gateway.config.base import FileContent, as_bytes
from gateway.grpc_trial import check_authorities


def _usable(value: SecretBytes) -> SecretBytes:
    """Check that the bundle contains certificates, and that gRPC can use all of them."""
    check_authorities(tuple(pem.certificates(value.get_secret_value())))
    return value


GrpcCaCertificates = Annotated[FileContent, BeforeValidator(as_bytes), AfterValidator(_usable)]
"""A PEM bundle of CA certificates. gRPC can use each of them."""
