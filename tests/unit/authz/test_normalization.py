"""Unicode spellings: a call is denied if a policy denies it as written or in NFC."""

import json
import unicodedata
from pathlib import Path
from typing import Any

import cedarpy
import hypothesis
import pytest
from hypothesis import strategies

from gateway.authz.engine import PolicyEngine
from gateway.authz.normalization import normalized
from gateway.contract.methods import METHODS
from gateway.identity.caller import Caller
from gateway.server.authorizer import AuthorizationDenied, Authorizer
from keyway.v1 import certificate_service_pb2 as certificates
from tests.support.policies import ALICE, allowed, ask, group, loaded, member, settings

PERMIT = '@id("all") permit(principal, action, resource);'
KEYS = "providers/p/keys/"
SEGMENT_CHARACTERS = strategies.characters(exclude_categories=["Cc", "Cs"], exclude_characters='/"\\')
TEXTS = ("인증서", "é", "ガ", "ậ", "\u0958", "\u212a", "\u212b", "각\u11a8")
"""Some change in NFC: a composition exclusion, the Kelvin sign, and the Angstrom sign."""


def forms(text: str) -> list[str]:
    return list(dict.fromkeys((text, unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text))))


def escaped(text: str) -> str:
    return "".join(f"\\u{{{ord(character):x}}}" for character in text)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize(
    "forbid",
    [
        'forbid(principal, action, resource == Keyway::Key::"{name}");',
        'forbid(principal, action, resource in Keyway::Key::"{name}");',
        'forbid(principal, action, resource is Keyway::Key) when {{ resource.key == "{key}" }};',
        'forbid(principal, action, resource is Keyway::Key) when {{ ["x", "{key}"].contains(resource.id) }};',
        'forbid(principal, action, resource is Keyway::Key) when {{ resource.key like "{key}*" }};',
        'forbid(principal, action, resource is Keyway::Key) when {{ resource.name like "*{key}" }};',
        'forbid(principal, action, resource) unless {{ !(resource.name like "*/{key}") }};',
    ],
)
def test_forbid_in_any_form_applies_to_every_form(tmp_path: Path, forbid: str, text: str) -> None:
    for written in [*forms(text), escaped(unicodedata.normalize("NFD", text))]:
        policies = loaded(tmp_path, PERMIT, forbid.format(name=KEYS + written, key=written))
        for requested in forms(text):
            assert not allowed(policies, ALICE, "Encrypt", KEYS + requested)
            assert not allowed(policies, ALICE, "GetPublicKey", KEYS + requested)
        assert allowed(policies, ALICE, "Encrypt", f"{KEYS}other")
        assert allowed(policies, ALICE, "Encrypt", f"{KEYS}한글")


def test_forbid_applies_to_an_nfc_form_that_is_longer_than_a_valid_name(tmp_path: Path) -> None:
    """A letter that NFC decomposes makes the name longer. The resource still belongs to its provider."""
    name = KEYS + "\u0958" * 1000
    assert len(unicodedata.normalize("NFC", name)) > 1024
    for forbid in (
        'forbid(principal, action, resource in Keyway::Provider::"providers/p") '
        'when { resource is Keyway::Key && resource.key like "\u0915\u093c*" };',
        'forbid(principal, action, resource is Keyway::Key) when { resource.key like "\u0958*" };',
    ):
        assert not allowed(loaded(tmp_path, PERMIT, forbid), ALICE, "Encrypt", name)
    assert allowed(
        loaded(tmp_path, 'permit(principal, action, resource in Keyway::Provider::"providers/p");'),
        ALICE,
        "Encrypt",
        name,
    )


def test_permit_applies_only_to_the_form_in_which_it_is_written(tmp_path: Path) -> None:
    for written, other in (forms("é"), reversed(forms("é"))):
        policies = loaded(tmp_path, f'permit(principal, action, resource == Keyway::Key::"{KEYS}{written}");')
        assert allowed(policies, ALICE, "Encrypt", KEYS + written)
        assert not allowed(policies, ALICE, "Encrypt", KEYS + other)


def test_decision_names_the_requested_form_and_the_forbid(tmp_path: Path) -> None:
    nfc, nfd = forms("é")
    policies = loaded(tmp_path, PERMIT, f'@id("no") forbid(principal, action, resource == Keyway::Key::"{KEYS}{nfc}");')
    decision = ask(policies, ALICE, "Encrypt", KEYS + nfd)
    assert (decision.resource, decision.policies) == (KEYS + nfd, ("no",))
    assert ask(policies, ALICE, "Encrypt", f"{KEYS}e").policies == ("all",)


CALLERS = {
    "subject": ('principal == Keyway::Caller::"sub:@", action, resource);', Caller("@", "jwt"), []),
    "group of a token": (
        'principal, action, resource) when { principal.groups.contains("@") };',
        Caller("1", "jwt", "", ("@",)),
        [],
    ),
    "group": (
        'principal in Keyway::Group::"@", action, resource);',
        Caller("1", "jwt"),
        [group("@"), member("sub:1", "@")],
    ),
    "member": ('principal in Keyway::Group::"g", action, resource);', Caller("@", "jwt"), [group("g")]),
}


@pytest.mark.parametrize("kind", CALLERS)
def test_forbid_of_a_caller_applies_to_every_form(tmp_path: Path, kind: str) -> None:
    nfc, nfd = forms("é")
    for written, known in ((nfc, nfd), (nfd, nfc)):
        scope, template, entities = CALLERS[kind]
        caller = Caller(
            template.name.replace("@", known), "jwt", "", tuple(name.replace("@", known) for name in template.groups)
        )
        listed = json.dumps(entities, ensure_ascii=False).replace("@", known)
        if kind == "member":
            listed = json.dumps([*entities, member(f"sub:{written}", "g")])
        policies = loaded(tmp_path, PERMIT, "forbid(" + scope.replace("@", written), entities=listed)
        assert not allowed(policies, caller, "Encrypt")
        assert allowed(policies, Caller("2", "jwt"), "Encrypt")


@pytest.mark.parametrize("field", ["certificate_id", "parent"])
def test_create_is_denied_for_every_form_of_the_new_name(tmp_path: Path, field: str) -> None:
    nfc, nfd = forms("é")
    forbidden = (
        f"providers/{nfc if field == 'parent' else 'p'}/certificates/{nfc if field == 'certificate_id' else 'c'}"
    )
    policy = f'forbid(principal, action, resource == Keyway::Certificate::"{forbidden}");'
    authorizer = Authorizer(PolicyEngine.load(settings(tmp_path, PERMIT, policy)), ("p",))
    (create,) = (method for method in METHODS if method.name == "CreateCertificate")
    for text in (nfc, nfd):
        names: dict[str, Any] = {"parent": "providers/p", "certificate_id": "c"}
        names[field] = f"providers/{text}" if field == "parent" else text
        with pytest.raises(AuthorizationDenied):
            authorizer.authorize(ALICE, create, certificates.CreateCertificateRequest(**names))
    names = {"parent": "providers/p", "certificate_id": "e"}
    assert authorizer.authorize(ALICE, create, certificates.CreateCertificateRequest(**names)).decisions[0].allowed


def test_texts_in_nfc_are_evaluated_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluations: list[Any] = []
    is_authorized = cedarpy.is_authorized

    def counted(request: Any, *arguments: Any, **options: Any) -> Any:
        evaluations.append(request["resource"]["id"])
        return is_authorized(request, *arguments, **options)

    monkeypatch.setattr(cedarpy, "is_authorized", counted)
    nfc, nfd = forms("인증서")
    policies = loaded(tmp_path, PERMIT.replace("resource)", f'resource) unless {{ principal.issuer == "{nfc}" }}'))
    assert policies.in_nfc.for_all is policies.as_written.for_all
    for name, evaluated in (("k", ["k"]), (nfc, [nfc]), (nfd, [nfd, nfc])):
        evaluations.clear()
        assert allowed(policies, ALICE, "Encrypt", KEYS + name)
        assert evaluations == [KEYS + each for each in evaluated]


@hypothesis.given(text=strategies.text(max_size=20))
def test_every_text_of_a_tree_is_normalized(text: str) -> None:
    pattern = [{"Literal": character} for character in text]
    tree: dict[str, Any] = {"a": [text, 1, True], "pattern": [*pattern, "Wildcard", *pattern], f"key {text}": None}
    nfc = unicodedata.normalize("NFC", text)
    found = normalized(tree)
    assert found["a"] == [nfc, 1, True]
    assert f"key {nfc}" in found
    composed = [{"Literal": character} for character in nfc]
    assert found["pattern"] == [*composed, "Wildcard", *composed]


@hypothesis.given(key=strategies.text(SEGMENT_CHARACTERS, min_size=1, max_size=8))
def test_no_form_of_a_forbidden_name_is_permitted(tmp_path_factory: pytest.TempPathFactory, key: str) -> None:
    hypothesis.assume(key not in (".", ".."))
    forbid = f'forbid(principal, action, resource == Keyway::Key::"{KEYS}{key}");'
    policies = loaded(tmp_path_factory.getbasetemp(), PERMIT, forbid)
    for spelling in forms(key):
        assert not allowed(policies, ALICE, "Encrypt", KEYS + spelling)
