"""Envelope encryption: data of any size, sealed locally with a data key that only the gateway's upstream can decrypt.

The clients of all languages share the format in docs/envelope-format.md. It requires the extra `envelope`.
"""

from keyway.envelope.data_keys import Bounds
from keyway.envelope.errors import EnvelopeError
from keyway.envelope.opening import AsyncOpener, Opener
from keyway.envelope.sealing import AsyncSealer, Sealer

__all__ = ["AsyncOpener", "AsyncSealer", "Bounds", "EnvelopeError", "Opener", "Sealer"]
