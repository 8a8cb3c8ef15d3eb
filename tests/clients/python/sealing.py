"""Sealing and opening of envelopes, and the benchmark of sealing, for the runner."""

import json
import os
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import keyway
from keyway.envelope import EnvelopeError, Opener, Sealer


def sandbox() -> Any:
    """Return the addresses and credentials of the sandbox."""
    return json.loads(Path(os.environ["KEYWAY_SANDBOX"]).read_text())


def bench(file: Any) -> None:
    """Print the bytes per second of sealing and of AES-256-GCM alone, for the same file."""
    size = os.path.getsize(file)
    with plain_client() as client:
        sealer = Sealer(client.keys, "providers/nhn-keys/keys/orders-key")
        sealer.seal(b"")  # connects and requests the data key
        works: dict[str, Any] = {"raw": raw, "seal": sealer.seal_stream}
        rates = {"seal": 0.0, "raw": 0.0}
        for _ in range(3):
            for name, work in works.items():
                with open(file, "rb", buffering=0) as source, open(os.devnull, "wb", buffering=0) as target:
                    started = time.perf_counter()
                    work(source, target)
                    rates[name] = max(rates[name], size / (time.perf_counter() - started))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    ratio = round(rates["seal"] / rates["raw"], 3)
    print(json.dumps({"seal": round(rates["seal"]), "raw": round(rates["raw"]), "ratio": ratio, "peak_rss": peak}))


def raw(source: Any, target: Any) -> None:
    """Encrypt with AES-256-GCM of the library alone, in pieces of the segment size."""
    cipher, number = AESGCM(os.urandom(32)), 0
    piece, output = bytearray(65_536), bytearray(65_536 + 16)
    while (count := source.readinto(piece)) == len(piece):
        cipher.encrypt_into(number.to_bytes(12, "big"), piece, None, output)
        target.write(output)
        number += 1
    target.write(cipher.encrypt(number.to_bytes(12, "big"), bytes(piece[:count]), None))


def plain_client() -> Any:
    return keyway.connect(sandbox()["plain"], plaintext=True)


def seal(key: Any, associated_data: Any) -> None:
    with plain_client() as client:
        Sealer(client.keys, key).seal_stream(sys.stdin.buffer, sys.stdout.buffer, associated_data)


def open_(associated_data: Any) -> Any:
    """Open an envelope. Write nothing before the whole envelope is verified."""
    with plain_client() as client, tempfile.SpooledTemporaryFile(1 << 20) as opened:
        try:
            Opener(client.keys).open_stream(sys.stdin.buffer, opened, associated_data)
        except (EnvelopeError, keyway.KeywayError) as error:
            return str(error)
        opened.seek(0)
        shutil.copyfileobj(opened, sys.stdout.buffer)
        return 0


def open_all(lines: list[str]) -> None:
    with plain_client() as client:
        opener = Opener(client.keys)
        for source, target, associated_data in map(str.split, lines):
            try:
                opener.open_file(source, target, bytes.fromhex(associated_data.strip("-")))
                print("opened")
            except EnvelopeError:
                print("refused")
            except keyway.KeywayError:
                print("failed")
