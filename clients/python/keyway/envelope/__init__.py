"""Envelope encryption: data of any size, sealed here with a data key that only the gateway's upstream can decrypt.

The format is docs/envelope-format.md; what one client sealed, those of the other languages open. Needs the package's
extra `envelope`.
"""

from keyway.envelope.data_keys import Bounds
from keyway.envelope.errors import EnvelopeError
from keyway.envelope.opening import AsyncOpener, Opener
from keyway.envelope.sealing import AsyncSealer, Sealer

__all__ = ["AsyncOpener", "AsyncSealer", "Bounds", "EnvelopeError", "Opener", "Sealer"]
