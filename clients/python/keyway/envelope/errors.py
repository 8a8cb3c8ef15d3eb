"""EnvelopeError. All causes have the same message, which gives an attacker no information."""


class EnvelopeError(Exception):
    """An envelope cannot be opened: it is damaged, or the key or the associated data is a different one."""

    def __init__(self) -> None:
        super().__init__("the envelope cannot be opened")
