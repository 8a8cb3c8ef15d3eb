"""Text with a style, and the conversion of styles to the escape sequences of a terminal."""

from typing import Final, Self

_PLAIN: Final = "\x1b[0m"
_CODES: Final = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}


class Styled(str):
    """A text. style: words such as `bold red`; empty for plain text."""

    style: str

    def __new__(cls, text: str, style: str = "") -> Self:
        """Create the text."""
        made = super().__new__(cls, text)
        made.style = style
        return made


def style_of(text: str) -> str:
    """Return the style of a text; empty for a text without one."""
    return text.style if isinstance(text, Styled) else ""


def painted(text: str, style: str) -> str:
    """Return an escaped text with the escape sequences of a style."""
    if not style or not text:
        return text
    codes = ";".join(_CODES[word] for word in style.split())
    return f"\x1b[{codes}m{text}{_PLAIN}"
