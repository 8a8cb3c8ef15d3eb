"""Ciphertexts in Vault's notation, and the data that envelopes bind."""

import itertools

import pytest

from gateway.surfaces.vault.ciphertexts import VaultCiphertext, bound_data, of_envelope, of_upstream
from gateway.surfaces.vault.errors import VaultError


@pytest.mark.parametrize(("version", "shown"), [(None, 1), (0, 0), (7, 7)])
def test_notation_has_three_parts(version: int | None, shown: int) -> None:
    direct = VaultCiphertext.parse(of_upstream("AAEC+/==", version))
    assert (direct.version, direct.content, direct.envelope) == (shown, "AAEC+/==", None)
    sealed = of_envelope(b"KWE1 \0\xff", version)
    assert sealed.count(":") == 2
    assert VaultCiphertext.parse(sealed).envelope == b"KWE1 \0\xff"


@pytest.mark.parametrize(
    "text",
    ["", "AAEC", "vault:v1", "vault:v1:", "vault:v:AAEC", "vault:1:AAEC", "vault:v-1:AAEC", "vault:v1:a:b",
     "vault:v1:a b", "vault:v1:KWE1.%", "vault:v٣:AAEC", "vault:v9999999999:AAEC"],
)  # fmt: skip
def test_other_texts_are_rejected(text: str) -> None:
    with pytest.raises(VaultError) as caught:
        VaultCiphertext.parse(text)
    assert caught.value.status == 400


@pytest.mark.parametrize("content", ["a:b", "a b", "", "KWE1.AAEC"])
def test_ciphertext_of_the_upstream_that_does_not_fit_is_rejected(content: str) -> None:
    with pytest.raises(VaultError) as caught:
        of_upstream(content, 1)
    assert caught.value.status == 500


def test_different_parameters_bind_different_data() -> None:
    parts = (b"", b"a", b"ab", b"b", b"abc", b"\0\0\0\1a")
    made = [bound_data(context, data) for context, data in itertools.product(parts, parts)]
    assert len(set(made)) == len(made)


def test_associated_data_alone_is_bound_as_it_is() -> None:
    assert bound_data(b"", b"table 7") == b"table 7"


def test_associated_data_cannot_pretend_to_be_a_context() -> None:
    with pytest.raises(VaultError):
        bound_data(b"", bound_data(b"tenant", b"table"))
