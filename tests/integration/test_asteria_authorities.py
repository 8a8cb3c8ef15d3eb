"""The two trust stores of ASTERIA over gRPC: listing, importing, showing, and removing authorities."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from keyway.v1 import certificate_service_pb2 as service
from keyway.v1 import trusted_authority_pb2 as trust
from tests.support import x509_chain
from tests.support.asteria import SIDES, Warp, as_openssl_reads, as_the_gateway_says, store_name
from tests.support.emulators.asteria import Files, issued, pkcs7, self_signed
from tests.support.wire import WireResource, failure_of

MISSING = ("NOT_FOUND", "AUTHORITY_NOT_FOUND")
SEEDED = {
    "server": ["Keyway Demo Client CA", "キーウェイ認証局"],
    "client": ["Keyway Demo Root CA", "Keyway Partner Root CA"],
}


async def listed(warp: Warp, side: str) -> list[trust.TrustedAuthority]:
    request = service.ListTrustedAuthoritiesRequest(parent=store_name(side))
    return list((await warp.certificates.ListTrustedAuthorities(request)).authorities)


async def add(warp: Warp, side: str, content: bytes) -> service.ImportTrustedAuthorityResponse:
    request = service.ImportTrustedAuthorityRequest(parent=store_name(side), content=content)
    response: service.ImportTrustedAuthorityResponse = await warp.certificates.ImportTrustedAuthority(request)
    return response


async def get(warp: Warp, name: str) -> trust.TrustedAuthority:
    request = service.GetTrustedAuthorityRequest(name=name)
    response: service.GetTrustedAuthorityResponse = await warp.certificates.GetTrustedAuthority(request)
    return response.authority


async def remove(warp: Warp, name: str) -> list[trust.TrustedAuthority]:
    request = service.DeleteTrustedAuthorityRequest(name=name)
    return list((await warp.certificates.DeleteTrustedAuthority(request)).authorities)


def names(authorities: list[trust.TrustedAuthority]) -> list[str]:
    return [authority.subject.common_name for authority in authorities]


@pytest.fixture
def root(tmp_path: Path) -> Files:
    return self_signed(tmp_path, "Root", subject="/C=JP/O=信頼, 株式会社/CN=Root")


@pytest.mark.parametrize("side", SIDES)
async def test_authority_can_be_imported_shown_and_removed(warp: Warp, side: str, root: Files) -> None:
    answer = await add(warp, side, root.pem)
    (alias,) = answer.imported
    assert names(list(answer.authorities)) == [*SEEDED[side], "Root"]
    assert list(answer.authorities) == await listed(warp, side)

    summary = answer.authorities[-1]
    assert (summary.name, summary.alias) == (f"{store_name(side)}/authorities/{alias}", alias)
    whole = await get(warp, summary.name)
    assert as_the_gateway_says(whole) == as_openssl_reads(root.pem)
    for field, value in summary.ListFields():
        assert getattr(whole, field.name) == value
    assert summary.subject.organization == "信頼, 株式会社"
    assert {field.name for field, _ in summary.ListFields()} == {
        "name",
        "alias",
        "subject",
        "issuer",
        "not_before",
        "not_after",
    }

    other = next(each for each in SIDES if each != side)
    assert names(await listed(warp, other)) == SEEDED[other]
    for call in (get, remove):
        failure = await failure_of(call(warp, f"{store_name(other)}/authorities/{alias}"))
        assert failure.kind == MISSING

    assert names(await remove(warp, summary.name)) == SEEDED[side]
    for call in (get, remove):
        failure = await failure_of(call(warp, summary.name))
        assert failure.kind == MISSING
        assert failure.resource == WireResource("keyway.dev/TrustedAuthority", summary.name)


async def test_last_authority_can_be_removed(warp: Warp) -> None:
    for left in (1, 0):
        first = (await listed(warp, "server"))[0]
        assert len(await remove(warp, first.name)) == left
    assert await listed(warp, "server") == []


FORMS: dict[str, Callable[[Files, Files], bytes]] = {
    "PEM": lambda root, _: root.pem,
    "DER": lambda root, _: root.der,
    "several in one PEM": lambda root, other: root.pem + b"a remark\n" + other.pem,
    "PKCS#7 PEM": pkcs7,
    "PKCS#7 DER": lambda root, other: pkcs7(root, other, form="DER"),
}
FILENAMES = {
    "PEM": "authority.pem",
    "DER": "authority.der",
    "several in one PEM": "authority.pem",
    "PKCS#7 PEM": "authority.p7b",
    "PKCS#7 DER": "authority.p7b",
}


@pytest.mark.parametrize("form", FORMS)
async def test_authority_is_accepted_in_every_encoding(warp: Warp, form: str, root: Files, tmp_path: Path) -> None:
    other = issued(tmp_path, "Other", root, authority=True)
    answer = await add(warp, "client", FORMS[form](root, other))
    assert [part.filename for part in (await warp.sent())[-1].parts] == [FILENAMES[form]]

    new = [authority for authority in answer.authorities if authority.alias in answer.imported]
    expected = [root.pem] if form in ("PEM", "DER") else [root.pem, other.pem]
    found = [as_the_gateway_says(await get(warp, authority.name)) for authority in new]
    assert sorted(found, key=str) == sorted(map(as_openssl_reads, expected), key=str)
    assert [authority.alias for authority in answer.authorities][-len(new) :] == list(answer.imported)


async def test_reimported_authority_gets_a_second_alias(warp: Warp, root: Files) -> None:
    first, second = await add(warp, "server", root.pem), await add(warp, "server", root.pem)
    assert first.imported != second.imported
    assert names(list(second.authorities))[-2:] == ["Root", "Root"]


async def test_file_with_an_expired_authority_is_rejected_as_a_whole(warp: Warp, root: Files) -> None:
    past = x509_chain.NOT_BEFORE.replace(month=6)
    expired = x509_chain.pem(x509_chain.self_signed(x509_chain.Wanted(x509_chain.name("Old"), not_after=past)))
    failure = await failure_of(add(warp, "server", root.pem + expired))
    assert failure.kind == ("FAILED_PRECONDITION", "CERTIFICATE_EXPIRED")
    assert names(await listed(warp, "server")) == SEEDED["server"]


async def test_file_without_a_certificate_is_rejected_and_changes_nothing(warp: Warp, root: Files) -> None:
    for content in (b"text", root.pem[:-30], root.der[:-1], root.key.read_bytes()):
        failure = await failure_of(add(warp, "server", content))
        assert failure.kind == ("INVALID_ARGUMENT", "UNPARSABLE_CERTIFICATE")
    assert names(await listed(warp, "server")) == SEEDED["server"]


@pytest.mark.parametrize("alias", ["none", "b&alias=x", "é 漢字?#%2F", "é%2f", "-" * 200])
async def test_unknown_alias_is_not_found(warp: Warp, alias: str) -> None:
    for call in (get, remove):
        failure = await failure_of(call(warp, f"{store_name('server')}/authorities/{alias}"))
        assert failure.kind == MISSING
    assert len(await listed(warp, "server")) == 2


@pytest.mark.parametrize(
    ("alias", "segment"),
    [
        ("é 漢字?#&a=b+c", "é 漢字?#&a=b+c"),
        ("100%", "100%"),
        ("a/b", "a%2Fb"),
        ("a%2Fb", "a%252Fb"),
        ("..", "%2E%2E"),
        ("a\nb\x85", "a%0Ab%C2%85"),
    ],
)
async def test_alias_with_any_letters_is_listed_shown_and_deleted(
    warp: Warp, root: Files, alias: str, segment: str
) -> None:
    await warp.control.seed({"authorities": {"client": [{"alias": alias, "certificate_pem": root.pem.decode()}]}})
    name = f"{store_name('client')}/authorities/{segment}"
    assert (await listed(warp, "client"))[-1].name == name
    found = await get(warp, name)
    assert (found.name, found.alias, found.subject.common_name) == (name, alias, "Root")
    assert names(await remove(warp, found.name)) == SEEDED["client"]


CALLS: list[Callable[[Warp, str], Awaitable[object]]] = [
    listed,
    lambda warp, side: add(warp, side, b"x"),
    lambda warp, side: get(warp, f"{store_name(side)}/authorities/a"),
    lambda warp, side: remove(warp, f"{store_name(side)}/authorities/a"),
]


@pytest.mark.parametrize("side", ["Server", "other"])
async def test_unknown_trust_store_is_not_found(warp: Warp, side: str) -> None:
    for call in CALLS:
        assert (await failure_of(call(warp, side))).kind == MISSING
    assert await warp.sent() == []
