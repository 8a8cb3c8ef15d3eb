"""Signed notes: the published format, and what makes a note invalid."""

import base64
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.journal.format.checkpoints import Checkpoint, checkpoint_body
from gateway.journal.format.keys import JournalPublicKey, SigningKey
from gateway.journal.format.records import MalformedRecord, Receipt, decode_body
from gateway.journal.format.signed_notes import MalformedNote, SignedNote, sign_checkpoint, verifier_key

KEY = SigningKey(Ed25519PrivateKey.generate())
NOTE = sign_checkpoint("keyway.audit/x", ["head 1 00"], KEY)

# The example in the documentation of golang.org/x/mod/sumdb/note.
EXAMPLE_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
EXAMPLE_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
EXAMPLE_SIGNATURE = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="


def test_published_example_has_this_key_id_and_signature() -> None:
    """The name of its key is not its first line, so it is verified here by parts."""
    note = SignedNote.parse(f"{EXAMPLE_TEXT}\n\u2014 PeterNeumann {EXAMPLE_SIGNATURE}\n")
    ((name, key_id, signature),) = note.signatures
    raw = base64.b64decode(EXAMPLE_KEY.split("+", 2)[2])[1:]
    key = JournalPublicKey(Ed25519PublicKey.from_public_bytes(raw))
    assert verifier_key(name, key) == EXAMPLE_KEY
    assert key_id.hex() == "c74f20a3"
    assert note.text == EXAMPLE_TEXT
    assert key.verifies(signature, note.text.encode())


def test_note_is_a_checkpoint_of_an_empty_tree() -> None:
    lines = NOTE.split("\n")
    assert lines[:4] == ["keyway.audit/x", "0", base64.b64encode(sha256(b"").digest()).decode(), "head 1 00"]
    assert lines[4] == ""
    assert lines[5].startswith("\u2014 keyway.audit/x ")
    assert lines[6:] == [""]


def test_signature_is_that_of_the_key_and_of_every_byte() -> None:
    assert SignedNote.parse(NOTE).signed_by(KEY.public)
    assert not SignedNote.parse(NOTE).signed_by(SigningKey(Ed25519PrivateKey.generate()).public)
    for position, character in enumerate(NOTE):
        changed = NOTE[:position] + ("B" if character == "A" else "A") + NOTE[position + 1 :]
        try:
            note = SignedNote.parse(changed)
        except MalformedNote:
            continue
        # The last characters of base64 can have bits that mean nothing.
        assert not note.signed_by(KEY.public) or note.signatures == SignedNote.parse(NOTE).signatures


def test_signatures_of_other_keys_are_ignored() -> None:
    """Witnesses can add theirs."""
    other = SigningKey(Ed25519PrivateKey.generate())
    witness = sign_checkpoint("keyway.audit/x", ["head 1 00"], other).rsplit("\n\n", 1)[1]
    note = SignedNote.parse(NOTE + witness)
    assert note.signed_by(KEY.public)
    assert note.signed_by(other.public)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x\n",
        "x\n\n",
        NOTE[:-1],
        NOTE.replace("\u2014", "-"),
        NOTE.replace("\n\n", "\n"),
        NOTE.replace("head", "he\tad"),
        NOTE + "x\n",
        NOTE + "\u2014 a+b AAAA\n",
        NOTE + "\u2014 name !!!!\n",
    ],
)
def test_malformed_note_is_rejected(text: str) -> None:
    with pytest.raises(MalformedNote):
        SignedNote.parse(text)


def test_note_that_is_no_checkpoint_has_no_extension_lines() -> None:
    with pytest.raises(MalformedNote):
        _ = SignedNote.parse(f"{EXAMPLE_TEXT}\n\u2014 PeterNeumann {EXAMPLE_SIGNATURE}\n").extensions


def test_checkpoint_with_the_note_of_another_head_is_malformed() -> None:
    head = Receipt("gw-1", 7, "ab" * 32)
    body = decode_body(checkpoint_body(head, 5, KEY))
    assert Checkpoint.from_body("gw-1", body).signed_by(KEY.public)
    for other in (
        checkpoint_body(head._replace(sequence=8), 5, KEY),
        checkpoint_body(head._replace(chain="gw-2"), 5, KEY),
        checkpoint_body(head._replace(hash="cd" * 32), 5, KEY),
        checkpoint_body(head, 6, KEY),
    ):
        with pytest.raises(MalformedRecord):
            Checkpoint.from_body("gw-1", {**body, "note": decode_body(other)["note"]})


def test_checkpoint_needs_both_signatures() -> None:
    head = Receipt("gw-1", 7, "ab" * 32)
    mine = decode_body(checkpoint_body(head, 5, KEY))
    other = decode_body(checkpoint_body(head, 5, SigningKey(Ed25519PrivateKey.generate())))
    assert not Checkpoint.from_body("gw-1", {**mine, "note": other["note"]}).signed_by(KEY.public)
    assert not Checkpoint.from_body("gw-1", {**mine, "signature": other["signature"]}).signed_by(KEY.public)


def test_checkpoint_of_a_later_version_with_a_tree_is_readable() -> None:
    """Tree size and root hash are reserved: their values are not checked here, but they are signed."""
    head = Receipt("gw-1", 7, "ab" * 32)
    body = decode_body(checkpoint_body(head, 5, KEY))
    text, root = body["note"].rsplit("\n\n", 1)[0], base64.b64encode(bytes(32)).decode()
    lines = text.split("\n")
    changed = "\n".join([lines[0], "7", root, *lines[3:]]) + "\n"
    key_id = SignedNote.parse(body["note"]).signatures[0][1]
    signature = base64.b64encode(key_id + KEY.sign(changed.encode())).decode()
    note = f"{changed}\n\u2014 {lines[0]} {signature}\n"
    assert Checkpoint.from_body("gw-1", {**body, "note": note}).signed_by(KEY.public)
