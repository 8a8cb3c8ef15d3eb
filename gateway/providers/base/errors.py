"""The error that readers of external data raise."""


class FormatError(ValueError):
    """Data does not have the expected format. The message states the fault and quotes none of the data."""


class UnsupportedFile(FormatError):
    """A file that is complete, but has content that the gateway does not support."""
