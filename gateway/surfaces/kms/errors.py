"""Failures of the plugin, as gRPC statuses for kube-apiserver."""

import grpc

from keyway.envelope import EnvelopeError
from keyway.errors import KeywayError


class KmsError(Exception):
    """A request that fails. message: for the log of kube-apiserver; it contains no secret."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class OversizedKeyError(KmsError):
    """Ciphertexts of this key cannot have the size that Kubernetes accepts."""


def kms_error(error: Exception) -> KmsError | None:
    """Return the failure that an expected exception causes; None for other exceptions."""
    match error:
        case KmsError():
            return error
        case KeywayError():
            return KmsError(error.code, str(error))
        case EnvelopeError():
            text = "the ciphertext cannot be opened: it was modified, or belongs to another key or cluster"
            return KmsError(grpc.StatusCode.INVALID_ARGUMENT, text)
        case TimeoutError():
            return KmsError(grpc.StatusCode.DEADLINE_EXCEEDED, "the gateway did not respond in time")
    return None
