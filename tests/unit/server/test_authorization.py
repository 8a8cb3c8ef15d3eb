"""The resources in each request that policy decides about, and the results of its decisions."""

from pathlib import Path
from typing import Any

import pytest
from google.rpc import code_pb2

from gateway.authz.actions import ACTIONS
from gateway.authz.engine import PolicyEngine
from gateway.contract.methods import BATCHES, METHODS, Method
from gateway.errors import PERMISSION_DENIED, InvalidRequest
from gateway.identity.caller import Caller
from gateway.server.authorizer import AuthorizationDenied, Authorizer, denied_item, resources
from gateway.server.status import to_status
from keyway.v1 import certificate_service_pb2 as certificates
from keyway.v1 import key_service_pb2 as keys
from keyway.v1 import provider_service_pb2 as providers
from tests.support.contract_messages import valid
from tests.support.policies import ALICE, BOB, settings

BY_NAME = {method.name: method for method in METHODS}
SINGLE = [method for method in METHODS if method.operation not in BATCHES]
PROVIDERS = ("p", "q", "r")
EVERYTHING = (
    "permit(principal, action, resource);"
    'permit(principal, action in [Keyway::Action::"GetSecret", Keyway::Action::"GetPrivateKey", '
    'Keyway::Action::"GetSymmetricKey", Keyway::Action::"DownloadCertificateWithPrivateKey"], resource);'
)
NOTHING = "// nothing"


def authorizer(folder: Path, text: str) -> Authorizer:
    return Authorizer(PolicyEngine.load(settings(folder, text)), PROVIDERS)


@pytest.fixture
def lenient(tmp_path: Path) -> Authorizer:
    return authorizer(tmp_path, EVERYTHING)


@pytest.fixture
def strict(tmp_path: Path) -> Authorizer:
    return authorizer(tmp_path, NOTHING)


def decisions_for(authorizer: Authorizer, method: str, request: Any) -> list[tuple[str, str, str]]:
    """Return what policy decides about for a request: action, resource type, and name."""
    decisions = authorizer.authorize(ALICE, BY_NAME[method], request).decisions
    return [(decision.action, decision.resource_type, decision.resource) for decision in decisions]


@pytest.mark.parametrize("method", SINGLE, ids=lambda method: method.name)
def test_every_method_is_an_action(lenient: Authorizer, method: Method) -> None:
    request = valid(method.request.DESCRIPTOR)
    assert {decision.action for decision in lenient.authorize(ALICE, method, request).decisions} == {method.name}


@pytest.mark.parametrize("method", SINGLE, ids=lambda method: method.name)
def test_every_method_is_denied_by_default(strict: Authorizer, method: Method) -> None:
    request = valid(method.request.DESCRIPTOR)
    with pytest.raises(AuthorizationDenied) as caught:
        strict.authorize(ALICE, method, request)
    assert caught.value.kind is PERMISSION_DENIED
    assert caught.value.resource
    assert {decision.action for decision in caught.value.decisions} == {method.name}
    assert not any(decision.allowed for decision in caught.value.decisions)


@pytest.mark.parametrize(
    ("method", "request_", "expected"),
    [
        ("GetCertificate", certificates.GetCertificateRequest(name="providers/p/certificates/c"), "certificates/c"),
        (
            "CreateCertificate",
            certificates.CreateCertificateRequest(parent="providers/p", certificate_id="c"),
            "certificates/c",
        ),
        (
            "ImportCertificate",
            certificates.ImportCertificateRequest(name="providers/p/certificates/c"),
            "certificates/c",
        ),
        (
            "ImportTrustedAuthority",
            certificates.ImportTrustedAuthorityRequest(parent="providers/p/trustStores/t"),
            "trustStores/t",
        ),
        (
            "DeleteTrustedAuthority",
            certificates.DeleteTrustedAuthorityRequest(name="providers/p/trustStores/t/authorities/a"),
            "trustStores/t/authorities/a",
        ),
        ("Sign", keys.SignRequest(name="providers/p/keys/k"), "keys/k"),
        ("GetPrivateKey", keys.GetPrivateKeyRequest(name="providers/p/keys/k/versions/2"), "keys/k/versions/2"),
        ("GetSecret", keys.GetSecretRequest(name="providers/p/secrets/s"), "secrets/s"),
        ("ListCertificates", certificates.ListCertificatesRequest(parent="providers/p"), ""),
        ("GetClientInfo", keys.GetClientInfoRequest(provider="providers/p"), ""),
        ("ListStatusMappings", providers.ListStatusMappingsRequest(name="providers/p"), ""),
    ],
)
def test_request_maps_to_its_resource(lenient: Authorizer, method: str, request_: Any, expected: str) -> None:
    name = f"providers/p/{expected}".rstrip("/")
    assert decisions_for(lenient, method, request_) == [(method, ACTIONS[method].resource_type, name)]
    assert resources(BY_NAME[method], request_) == [(ACTIONS[method].resource_type, name)]


@pytest.mark.parametrize("name", ["", "k", "providers/p/keys/", 'providers/p/keys/"k', "x" * 5000])
def test_invalid_names_reach_policy_unchanged(lenient: Authorizer, name: str) -> None:
    ((_, resource_type, resource),) = decisions_for(lenient, "Encrypt", keys.EncryptRequest(name=name))
    assert resource_type == "keyway.dev/Key"
    assert resource == (name if len(name) <= 1024 else f"{name[:1024]}…")


def test_download_with_private_key_is_a_separate_action(tmp_path: Path) -> None:
    without = authorizer(tmp_path, 'permit(principal, action == Keyway::Action::"DownloadCertificate", resource);')
    request = certificates.DownloadCertificateRequest(name="providers/p/certificates/c")
    assert [action for action, *_ in decisions_for(without, "DownloadCertificate", request)] == ["DownloadCertificate"]
    request.include_private_key = True
    with pytest.raises(AuthorizationDenied, match="lacks permission DownloadCertificateWithPrivateKey") as caught:
        without.authorize(ALICE, BY_NAME["DownloadCertificate"], request)
    assert caught.value.resource == "providers/p/certificates/c"


def test_create_is_authorized_for_the_new_certificate(tmp_path: Path) -> None:
    some = authorizer(tmp_path, 'permit(principal, action, resource) when { resource.id == "new" };')
    request = certificates.CreateCertificateRequest(parent="providers/p", certificate_id="new")
    some.authorize(ALICE, BY_NAME["CreateCertificate"], request)
    request.certificate_id = "old"
    with pytest.raises(AuthorizationDenied):
        some.authorize(ALICE, BY_NAME["CreateCertificate"], request)


@pytest.mark.parametrize(
    ("parent", "identifier"),
    [
        ("providers/p/certificates", "c"),
        ("providers/p", "a/certificates/c"),
        ("providers/p/certificates/c", ""),
        ("", "c"),
    ],
)
def test_invalid_parent_and_id_do_not_form_a_name(tmp_path: Path, parent: str, identifier: str) -> None:
    some = authorizer(tmp_path, 'permit(principal, action, resource in Keyway::Provider::"providers/p");')
    request = certificates.CreateCertificateRequest(parent=parent, certificate_id=identifier)
    with pytest.raises(AuthorizationDenied):
        some.authorize(ALICE, BY_NAME["CreateCertificate"], request)


class TestEveryProvider:
    LISTS = (
        ("ListCertificates", certificates.ListCertificatesRequest(parent="providers/-")),
        ("ListProviders", providers.ListProvidersRequest()),
    )

    @pytest.mark.parametrize(("method", "request_"), LISTS)
    def test_lists_include_permitted_providers_only(self, tmp_path: Path, method: str, request_: Any) -> None:
        some = authorizer(tmp_path, f'permit(principal, action == Keyway::Action::"{method}", resource) when '
                          '{ ["p", "r", "gone"].contains(resource.id) };')  # fmt: skip
        authorization = some.authorize(ALICE, BY_NAME[method], request_)
        assert authorization.providers == frozenset({"p", "r"})
        assert [(decision.resource, decision.allowed) for decision in authorization.decisions] == [
            ("providers/p", True),
            ("providers/q", False),
            ("providers/r", True),
        ]

    @pytest.mark.parametrize(("method", "request_"), LISTS)
    def test_list_without_a_permitted_provider_is_denied(self, strict: Authorizer, method: str, request_: Any) -> None:
        with pytest.raises(AuthorizationDenied) as caught:
            strict.authorize(ALICE, BY_NAME[method], request_)
        assert caught.value.resource == "providers/-"
        assert len(caught.value.decisions) == 3

    def test_list_of_one_provider_has_no_provider_filter(self, lenient: Authorizer) -> None:
        request = certificates.ListCertificatesRequest(parent="providers/q")
        assert lenient.authorize(ALICE, BY_NAME["ListCertificates"], request).providers is None

    def test_list_without_providers_is_empty(self, tmp_path: Path) -> None:
        empty = Authorizer(PolicyEngine.load(settings(tmp_path, NOTHING)), ())
        authorization = empty.authorize(ALICE, BY_NAME["ListProviders"], providers.ListProvidersRequest())
        assert authorization.providers == frozenset()

    @pytest.mark.parametrize("method", ["GetProvider", "CheckProvider", "ListStatusMappings"])
    def test_wildcard_applies_to_lists_only(self, lenient: Authorizer, method: str) -> None:
        request = BY_NAME[method].request(name="providers/-")
        assert lenient.authorize(ALICE, BY_NAME[method], request).providers is None


class TestBatches:
    METHOD = BY_NAME["BatchEncrypt"]

    @pytest.fixture
    def some(self, tmp_path: Path) -> Authorizer:
        return authorizer(
            tmp_path,
            'permit(principal, action == Keyway::Action::"Encrypt", resource) when { resource.key like "orders-*" };',
        )

    def batch(self, *names: str) -> keys.BatchEncryptRequest:
        requests = [keys.EncryptRequest(name=f"providers/p/keys/{name}") for name in names]
        return keys.BatchEncryptRequest(requests=requests)

    async def test_batch_items_are_denied_one_by_one(self, some: Authorizer) -> None:
        batch = self.batch("orders-1", "other", "orders-2", "orders-1", "other")
        authorization = await some.authorize_batch(ALICE, self.METHOD, batch)
        assert authorization.denied == {"providers/p/keys/other"}
        assert [(decision.action, decision.resource, decision.allowed) for decision in authorization.decisions] == [
            ("Encrypt", "providers/p/keys/orders-1", True),
            ("Encrypt", "providers/p/keys/other", False),
            ("Encrypt", "providers/p/keys/orders-2", True),
        ]

    async def test_batch_action_is_the_action_of_its_items(self, some: Authorizer) -> None:
        batch = keys.BatchDecryptRequest(requests=[keys.DecryptRequest(name="providers/p/keys/orders-1")])
        authorization = await some.authorize_batch(ALICE, BY_NAME["BatchDecrypt"], batch)
        assert authorization.denied == {"providers/p/keys/orders-1"}

    async def test_denied_names_are_not_shortened(self, some: Authorizer) -> None:
        long = "x" * 5000
        authorization = await some.authorize_batch(ALICE, self.METHOD, self.batch(long))
        assert authorization.denied == {f"providers/p/keys/{long}"}

    async def test_thousand_items_are_authorized(self, some: Authorizer) -> None:
        batch = self.batch(*(f"{'orders' if index % 2 else 'x'}-{index}" for index in range(1000)))
        authorization = await some.authorize_batch(ALICE, self.METHOD, batch)
        assert len(authorization.denied) == 500

    async def test_oversized_batch_is_rejected_without_decisions(self, some: Authorizer) -> None:
        with pytest.raises(InvalidRequest, match="requests: must have 1 to 1000 items"):
            await some.authorize_batch(ALICE, self.METHOD, self.batch(*map(str, range(1001))))

    async def test_empty_batch_has_no_decisions(self, some: Authorizer) -> None:
        assert not (await some.authorize_batch(ALICE, self.METHOD, keys.BatchEncryptRequest())).decisions

    def test_denied_item_has_permission_denied(self) -> None:
        error = denied_item("encrypt", "providers/p/keys/k")
        assert (error.kind, error.resource) == (PERMISSION_DENIED, "providers/p/keys/k")


def test_denial_names_the_resource_and_no_policy(tmp_path: Path) -> None:
    some = authorizer(
        tmp_path,
        f'@id("the-rule") permit(principal == Keyway::Caller::"{ALICE.name}", action, resource);'
        '@id("hidden") forbid(principal, action, resource) when { resource.id == "locked" };',
    )
    for caller, key in ((ALICE, "locked"), (BOB, "k")):
        with pytest.raises(AuthorizationDenied) as caught:
            some.authorize(caller, BY_NAME["Encrypt"], keys.EncryptRequest(name=f"providers/p/keys/{key}"))
        status = to_status(caught.value, idempotent=True, request_id="1")
        assert status.code == code_pb2.PERMISSION_DENIED
        text = str(status)
        assert f"providers/p/keys/{key}" in text
        assert "PERMISSION_DENIED" in text
        assert "the-rule" not in text
        assert "hidden" not in text
        assert "RetryInfo" not in text


def test_callers_of_different_kinds_are_distinct(tmp_path: Path) -> None:
    some = authorizer(tmp_path, f'permit(principal == Keyway::Caller::"{ALICE.name}", action, resource);')
    request = keys.EncryptRequest(name="providers/p/keys/k")
    some.authorize(ALICE, BY_NAME["Encrypt"], request)
    for caller in (BOB, Caller(ALICE.name, "dns"), Caller(ALICE.name, "jwt", "i")):
        with pytest.raises(AuthorizationDenied):
            some.authorize(caller, BY_NAME["Encrypt"], request)
