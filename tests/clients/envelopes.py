"""Exchange of envelopes between the clients, and rejection of modified envelopes."""

import hashlib
import struct
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.clients.languages import LANGUAGES

KEY, OTHER_KEY = "providers/nhn-keys/keys/orders-key", "providers/nhn-keys/keys/demo-aes"
UNFIT_KEYS = {
    "no key": "providers/nhn-keys/keys/no-such-key",
    "no provider": "providers/no-such/keys/orders-key",
    "a provider without keys": "providers/nhn-certs/keys/orders-key",
}
INACTIVE_KEY = "providers/nhn-keys/keys/demo-aes-inactive"
AAD, OTHER_AAD = b"order 42 \xff".hex(), b"order 43 \xff".hex()
SEGMENT, TAG, SALT = 65_536, 16, 32
PLAINTEXTS = {
    "empty": b"",
    "four segments": hashlib.shake_256(b"four").digest(3 * SEGMENT + 777),
}


class Refused(Exception):
    """A runner failed."""


def seal(sandbox: Any, language: Any, plaintext: Any, key: Any = KEY, aad: Any = AAD) -> Any:
    done = sandbox.run(LANGUAGES[language], "seal", key, aad, data=plaintext)
    if done.returncode != 0:
        raise Refused(done.stderr.decode(errors="replace").strip()[-400:] or f"exit code {done.returncode}")
    return done.stdout


@dataclass(frozen=True)
class Offered:
    """An envelope to open. plaintext: None if it must not be opened. instead: the expected answer in that case."""

    name: str
    envelope: bytes
    associated_data: str
    plaintext: bytes | None
    instead: str = "refused"


def opened(sandbox: Any, language: str, offered: list[Offered]) -> Iterator[tuple[str, str, str]]:
    """Yield (name, language, why) for each envelope; why is empty if the client behaves as expected."""
    with tempfile.TemporaryDirectory() as name:
        folder, lines = Path(name), []
        for number, each in enumerate(offered):
            (folder / f"{number}.sealed").write_bytes(each.envelope)
            lines.append(f"{folder}/{number}.sealed {folder}/{number}.opened {each.associated_data or '-'}\n")
        (folder / "list").write_text("".join(lines))
        done = sandbox.run(LANGUAGES[language], "open-all", str(folder / "list"))
        answers = dict(enumerate(done.stdout.decode().split()))
        for number, each in enumerate(offered):
            output = folder / f"{number}.opened"
            written = output.read_bytes() if output.exists() else None
            why = judged(each, answers.get(number, "no answer"), written)
            yield each.name, language, f"{why} {done.stderr.decode(errors='replace')[-400:]}".strip() if why else ""


def judged(offered: Offered, answer: str, written: bytes | None) -> str:
    if offered.plaintext is None:
        if answer != offered.instead:
            return f"expected {offered.instead}, got {answer}"
        return "" if written is None else f"{answer}, but {len(written)} bytes were written"
    if answer != "opened":
        return f"expected opened, got {answer}"
    return "" if written == offered.plaintext else "opened to a different plaintext"


def through_pipes(sandbox: Any, language: str, offered: Offered) -> tuple[str, str, str]:
    """Check one envelope, from standard input to standard output."""
    done = sandbox.run(LANGUAGES[language], "open", offered.associated_data, data=offered.envelope)
    answer = "opened" if done.returncode == 0 else "refused"
    return f"{offered.name}, through pipes", language, judged(offered, answer, done.stdout or None)


def matrix(sandbox: Any, languages: list[str]) -> Iterator[tuple[str, str, str]]:
    """Yield (name, language, why) for each pair of sealing and opening language; why is empty on success."""
    offered = []
    for kind, plaintext in PLAINTEXTS.items():
        for sealer in languages:
            name = f"{kind}, sealed by {sealer}"
            try:
                offered.append(Offered(name, seal(sandbox, sealer, plaintext), AAD, plaintext))
            except Refused as refusal:
                for opener in languages:
                    yield name, opener, f"{sealer} failed to seal: {refusal}"
    for opener in languages:
        yield from opened(sandbox, opener, offered)


@dataclass(frozen=True)
class Parts:
    """The parts of an envelope."""

    start: bytes  # magic, segment size, length of the name
    name: bytes
    length: bytes
    encrypted: bytes
    salt: bytes
    segments: tuple[bytes, ...]

    @classmethod
    def of(cls, envelope: Any) -> Any:
        name_end = 10 + struct.unpack_from(">H", envelope, 8)[0]
        key_end = name_end + 2 + struct.unpack_from(">H", envelope, name_end)[0]
        body = key_end + SALT
        step = SEGMENT + TAG
        return cls(
            envelope[:10],
            envelope[10:name_end],
            envelope[name_end : name_end + 2],
            envelope[name_end + 2 : key_end],
            envelope[key_end:body],
            tuple(envelope[place : place + step] for place in range(body, len(envelope), step)),
        )

    def join(self, *order: Any, **changes: Any) -> Any:
        """Return the envelope with its segments in this order, and with changed parts."""
        parts = {**self.__dict__, **changes}
        if "name" in changes:
            parts["start"] = self.start[:8] + struct.pack(">H", len(changes["name"]))
        if "encrypted" in changes:
            parts["length"] = struct.pack(">H", len(changes["encrypted"]))
        segments = [parts["segments"][number] for number in order or range(len(parts["segments"]))]
        header = (parts["start"], parts["name"], parts["length"], parts["encrypted"], parts["salt"])
        return b"".join((*header, *segments))


def flipped(data: Any, place: Any, bit: Any = 0x01) -> Any:
    return data[:place] + bytes((data[place] ^ bit,)) + data[place + 1 :]


def tampered(whole: Any, other: Any, foreign: Any) -> Iterator[Any]:
    """Yield (name, envelope, associated data). other: another envelope of the same key. foreign: one of another key."""
    parts, others, foreigners = Parts.of(whole), Parts.of(other), Parts.of(foreign)
    name, key = 10, 10 + len(parts.name)
    salt = key + 2 + len(parts.encrypted)
    body, step = salt + SALT, SEGMENT + TAG
    regions = {
        "magic": 0, "version": 3, "segment size": 5, "segment size, lowest": 7, "name's length": 9, "name": name + 3,
        "name's end": key - 1, "key's length": key + 1, "encrypted key": key + 2,
        "encrypted key's middle": (key + salt) // 2, "encrypted key's end": salt - 1,
        "salt": salt, "salt's end": body - 1, "first segment": body,
        "first segment's end": body + SEGMENT - 1, "first tag": body + SEGMENT, "second segment": body + step + 99,
        "third tag": body + 3 * step - 1, "last segment": body + 3 * step, "last tag": len(whole) - 1,
    }  # fmt: skip
    for region, place in regions.items():
        yield f"flipped: {region}", flipped(whole, place), AAD
    yield "flipped: highest bit of the last tag", flipped(whole, len(whole) - 1, 0x80), AAD
    yield "truncated: empty", b"", AAD
    yield "truncated: in the header", whole[: body - 5], AAD
    yield "truncated: all segments", whole[:body], AAD
    yield "truncated: last segment", parts.join(0, 1, 2), AAD
    yield "truncated: first segment", parts.join(1, 2, 3), AAD
    yield "truncated: segment in the middle", parts.join(0, 2, 3), AAD
    yield "truncated: within a segment", whole[: body + step + 1000], AAD
    yield "truncated: last byte", whole[:-1], AAD
    yield "added: a byte", whole + b"\0", AAD
    yield "swapped: two segments", parts.join(0, 2, 1, 3), AAD
    yield "swapped: first and last", parts.join(3, 1, 2, 0), AAD
    yield "repeated: a segment", parts.join(0, 1, 1, 2, 3), AAD
    yield "repeated: last segment", parts.join(0, 1, 2, 3, 3), AAD
    yield "repeated: the whole", whole + whole, AAD
    mixed = (parts.segments[0], others.segments[1], *parts.segments[2:])
    yield "taken from another: a segment", parts.join(segments=mixed), AAD
    yield "taken from another: all segments", parts.join(segments=others.segments), AAD
    yield "taken from another: salt", parts.join(salt=others.salt), AAD
    yield "key swapped: data key of another key", parts.join(encrypted=foreigners.encrypted), AAD
    yield "key swapped: name of another key", parts.join(name=foreigners.name), AAD
    for what, other_name in UNFIT_KEYS.items():
        yield f"key swapped: name of {what}", parts.join(name=other_name.encode()), AAD
    yield "key swapped: name and data key", parts.join(name=foreigners.name, encrypted=foreigners.encrypted), AAD
    yield "associated data: other", whole, OTHER_AAD
    yield "associated data: none", whole, ""


def tampering(sandbox: Any, languages: list[str], sealer: str) -> Iterator[tuple[str, str, str]]:
    """Yield (name, language, why) for modified envelopes, which no client may open or write output for."""
    plaintext = PLAINTEXTS["four segments"]
    whole, other = seal(sandbox, sealer, plaintext), seal(sandbox, sealer, plaintext)
    foreign = seal(sandbox, sealer, plaintext, key=OTHER_KEY)
    good = Offered("unmodified: opens", whole, AAD, plaintext)
    bad = [Offered(name, envelope, aad, None) for name, envelope, aad in tampered(whole, other, foreign)]
    # The envelope is valid: the key can be activated again.
    inactive = Parts.of(whole).join(name=INACTIVE_KEY.encode())
    bad.append(Offered("key not active: error of the gateway", inactive, AAD, None, "failed"))
    last = next(each for each in bad if each.name == "flipped: last tag")
    for opener in languages:
        yield from opened(sandbox, opener, [good, *bad, good])
        yield through_pipes(sandbox, opener, good)
        yield through_pipes(sandbox, opener, last)
