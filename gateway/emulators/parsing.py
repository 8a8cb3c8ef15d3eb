"""One error for everything that the parser of `cryptography` can raise about a certificate or key."""

import contextlib
from collections.abc import Iterator


class UnreadableError(ValueError):
    """A certificate or key that the parser rejects, or a field of it."""


@contextlib.contextmanager
def parsing(what: str) -> Iterator[None]:
    """Turn every exception of the block into UnreadableError. what: the description of what is parsed.

    The parser raises ValueError, TypeError, and five types of its own; conversions of its dates raise OverflowError.
    """
    try:
        yield
    except UnreadableError:
        raise
    except Exception as error:
        raise UnreadableError(f"{what} cannot be read") from error
