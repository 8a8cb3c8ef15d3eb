"""File names of the command line, with bytes, dots, and scripts."""

import os
import tempfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyway.cli import filenames
from keyway.cli.failures import Refused
from keyway.new_files import new_file

EUC_KR = os.fsdecode("인증서".encode("euc-kr"))


@pytest.mark.parametrize(
    ("certificate", "key"),
    [
        ("www.pem", "www.key"),
        ("www.CRT", "www.key"),
        ("www", "www.key"),
        ("www.example.com", "www.example.com.key"),
        ("www.example.org", "www.example.org.key"),
        ("www.example.com.pem", "www.example.com.key"),
        ("folder.d/www.v2", "folder.d/www.v2.key"),
        ("folder.pem/www", "folder.pem/www.key"),
        ("/tmp/*.example.com.p7b", "/tmp/*.example.com.key"),
        (".pem", ".pem.key"),
        ("..pem", "..key"),
        ("www.", "www..key"),
        ("www.key", "www.key"),
        ("인증서.pem", "인증서.key"),
        (f"{EUC_KR}.pem", f"{EUC_KR}.key"),
        ("a" * 251 + ".pem", "a" * 251 + ".key"),
        ("a" * 255, "a" * 251 + ".key"),
        ("인" * 85, "인" * 83 + ".key"),
    ],
)
def test_private_key_is_next_to_its_certificate(certificate: str, key: str) -> None:
    assert filenames.key_path(certificate) == key


@pytest.mark.parametrize(
    ("said", "made"),
    [
        ("www.pem", "www.pem"),
        ("../../etc/passwd", "passwd"),
        ("c:\\x\\.bashrc", "bashrc"),
        ("-", None),
        ("..", None),
        ("  ", None),
        ("인증서\x1b.pem", "인증서_.pem"),
        ("証明書.pem", "証明書.pem"),
        ("인" * 100 + ".pem", "인" * 83 + ".pem"),
    ],
)
def test_file_names_from_the_gateway_are_made_safe(said: str, made: str | None) -> None:
    if made is None:
        with pytest.raises(Refused, match="invalid file name"):
            filenames.local_name(said)
    else:
        assert filenames.local_name(said) == made


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("folder/www.pem", "www.pem"),
        ("인증서.pem", "인증서.pem"),
        (f"{os.fsdecode(bytes([0xC0, 0xCE]))}.pem", "__.pem"),
        ("a\\b.pem", "a_b.pem"),
        ("a\nb.pem", "a_b.pem"),
    ],
)
def test_name_of_a_local_file_is_text_in_a_request(path: str, sent: str) -> None:
    assert filenames.sent_name(path) == sent


@given(st.binary(min_size=1, max_size=255).filter(lambda name: not set(name) & set(b"/\0")))
def test_every_file_name_has_names_next_to_it_that_fit(octets: bytes) -> None:
    name = os.fsdecode(octets)
    sent = filenames.sent_name(name) if name not in (".", "..") else ""
    assert len(sent.encode()) <= 255
    made = filenames.key_path(name) if name not in (".", "..") else ""
    assert len(os.fsencode(made)) <= 255
    assert "/" not in made


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=255).filter(lambda name: not set(name) & set(b"/\0")))
def test_every_file_name_can_be_created(octets: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(os.fsencode(folder), octets)
        if os.path.exists(path):  # . and ..
            return
        with new_file(os.fsdecode(path), force=False, private=True) as file:
            file.write(b"content")
        assert os.listdir(os.fsencode(folder)) == [octets]
