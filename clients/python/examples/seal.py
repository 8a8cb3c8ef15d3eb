"""Envelope encryption: the file is sealed locally; only its data key goes through the gateway."""

import tempfile
from pathlib import Path

import keyway
from keyway.envelope import EnvelopeError, Opener, Sealer

KEY = "providers/nhn-keys/keys/orders-key"

with keyway.connect("127.0.0.1:50051", plaintext=True) as client, tempfile.TemporaryDirectory() as name:
    sealer, opener, folder = Sealer(client.keys, KEY), Opener(client.keys, [KEY]), Path(name)
    (folder / "orders.csv").write_text("42,open\n")
    sealer.seal_file(folder / "orders.csv", folder / "orders.sealed", b"orders of May")
    opener.open_file(folder / "orders.sealed", folder / "opened.csv", b"orders of May")
    print((folder / "opened.csv").read_text(), end="")
    try:
        opener.open_file(folder / "orders.sealed", folder / "other.csv", b"orders of June")
    except EnvelopeError as error:
        print(error)
