"""What can go wrong with an envelope. Responsible for not telling why one can't be opened: all reasons look alike."""


class EnvelopeError(Exception):
    """An envelope that can't be opened: damaged, cut, another key's, other associated data, or no envelope at all."""

    def __init__(self) -> None:
        super().__init__("the envelope can't be opened")
