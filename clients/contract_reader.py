"""Helpers of the generators: lookup of messages in the contract, and short forms of its names and comments."""

import re
from dataclasses import dataclass

from clients.api_reference import Commented, contract


@dataclass(frozen=True)
class Contract:
    """The files of the contract, with their comments."""

    files: list[Commented]

    @classmethod
    def read(cls) -> "Contract":
        return cls([Commented.of(file) for file in contract()])

    def message(self, name: str) -> tuple[Commented, int]:
        """Return the file of a message and its index there. name: fully qualified, as in a method's input type."""
        for file in self.files:
            for index, message in enumerate(file.file.message_type):
                if f".{file.file.package}.{message.name}" == name:
                    return file, index
        raise LookupError(f"{name} is not a message of the contract")


def first_sentence(comment: str) -> str:
    """Return the first sentence of a comment's first paragraph, in one line."""
    paragraph = " ".join(comment.partition("\n\n")[0].split())
    found = re.match(r".+?[.:](?=\s|$)", paragraph)
    return re.sub(r":$", ".", found[0] if found else paragraph)


def short(name: str) -> str:
    """Return the last part of a fully qualified name."""
    return name.rpartition(".")[2]
