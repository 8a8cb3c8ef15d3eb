"""The ASTERIA provider: each method of the contract as the calls that it takes. No knowledge of formats or of HTTP."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from typing import Final

from gateway.call_context import CallContext
from gateway.errors import CERTIFICATE_ALREADY_EXISTS, METHOD_NOT_SUPPORTED, GatewayError
from gateway.providers.asteria import errors, files, requests, resources, translate
from gateway.providers.asteria.api import ApiRequest, ManagementApi, ResultT
from gateway.providers.asteria.resources import Resource
from gateway.providers.asteria.session import FixedSession, LoginSession, Session
from gateway.providers.asteria.settings import AsteriaSettings
from gateway.providers.base.capabilities import CertificatePage, ListWindow, StatusRow
from gateway.upstream.client import HttpClient
from gateway.upstream.state import UpstreamState
from keyway.v1 import certificate_pb2 as certificates
from keyway.v1 import certificate_service_pb2 as service
from keyway.v1 import trusted_authority_pb2 as authorities

TYPE: Final = "asteria"


class AsteriaProvider:
    """One ASTERIA Warp server: two certificates and two trust stores, called `server` and `client`.

    now: what tells the time, which decides whether a certificate has expired.
    """

    def __init__(self, settings: AsteriaSettings, now: Callable[[], datetime] | None = None) -> None:
        self.id = settings.id
        self.type = TYPE
        self.api_version = ""
        self._calendar = translate.Calendar(settings.timezone, now or (lambda: datetime.now(settings.timezone)))
        http = HttpClient(settings.id, settings.http())
        self._api = ManagementApi(settings.id, http, _session(settings, http))

    async def start(self) -> None:
        """Open the connection pool; nobody logs in yet."""
        await self._api.start()

    async def close(self) -> None:
        """Log out, in bounded time, and close the connections; never raises."""
        await self._api.close()

    async def check(self, call: CallContext) -> None:
        """`server/exist`, after a login where there was none."""
        await self._exists(self._certificate("server"), call)

    def status_rows(self) -> Sequence[StatusRow]:
        """ASTERIA's codes and the shared HTTP rows."""
        return errors.status_rows()

    @property
    def upstream(self) -> UpstreamState:
        """As the HTTP client has it."""
        return self._api.upstream

    async def list_certificates(self, window: ListWindow, call: CallContext) -> CertificatePage:
        """`server/exist` and `client/exist`. When they expire is not known without a password: never under EXPIRED."""
        if window.state == service.CERTIFICATE_STATE_FILTER_EXPIRED:
            return CertificatePage((), 0)
        sides = [self._certificate(side) for side in resources.SIDES]
        existing = await _all(*(self._exists(side, call) for side in sides))
        found = [translate.listed_certificate(side) for side, exists in zip(sides, existing, strict=True) if exists]
        return CertificatePage(found[window.offset : window.offset + window.limit], len(found))

    async def get_certificate(
        self, request: service.GetCertificateRequest, call: CallContext
    ) -> service.GetCertificateResponse:
        """`show`, which takes the key store's password."""
        certificate = resources.certificate(request.name)
        requests.check_password(request.keystore_password)
        full = request.view == service.CERTIFICATE_VIEW_FULL
        shown = await self._show(certificate, request.keystore_password, call, full=full)
        return service.GetCertificateResponse(certificate=shown)

    async def check_certificate(
        self, request: service.CheckCertificateRequest, call: CallContext
    ) -> service.CheckCertificateResponse:
        """`exist`. A certificate of another name than the two does not exist, which is an answer."""
        if not resources.can_be_certificate(request.name):
            return service.CheckCertificateResponse(exists=False)
        exists = await self._exists(resources.certificate(request.name), call)
        return service.CheckCertificateResponse(exists=exists)

    async def create_certificate(
        self, request: service.CreateCertificateRequest, call: CallContext
    ) -> service.CreateCertificateResponse:
        """`exist` unless it may be replaced, `create`, `show`; where only the last fails, what was asked for."""
        requests.check_create(request)
        certificate = self._certificate(request.certificate_id)
        await self._refuse_existing(certificate, call, replace=request.replace)
        await self._do(requests.create(certificate, request), call)
        try:
            created = await self._show(certificate, request.keystore_password, call, full=True)
        except GatewayError:
            created = certificates.Certificate(name=certificate.name, subject=requests.requested_subject(request))
        return service.CreateCertificateResponse(certificate=created)

    async def delete_certificate(
        self, request: service.DeleteCertificateRequest, call: CallContext
    ) -> service.DeleteCertificateResponse:
        """`delete`."""
        certificate = resources.certificate(request.name)
        await self._do(requests.delete(certificate, request.keystore_password), call)
        return service.DeleteCertificateResponse()

    async def import_certificate(
        self, request: service.ImportCertificateRequest, call: CallContext
    ) -> service.ImportCertificateResponse:
        """`exist` unless it may be replaced, `import`."""
        certificate = resources.certificate(request.name)
        requests.check_import(request)
        await self._refuse_existing(certificate, call, replace=request.replace)
        imported = await self._api.ask(
            requests.import_keystore(certificate, request),
            lambda data: translate.full_certificate(data, certificate, self._calendar),
            call,
        )
        return service.ImportCertificateResponse(certificate=imported)

    async def get_certificate_signing_request(
        self, request: service.GetCertificateSigningRequestRequest, call: CallContext
    ) -> service.GetCertificateSigningRequestResponse:
        """`csr/download`, unpacked."""
        certificate = resources.certificate(request.name)
        asked = requests.download_signing_request(certificate, request.keystore_password, request.private_key_password)
        return await self._api.fetch(asked, files.signing_request, call)

    async def install_signed_certificate(
        self, request: service.InstallSignedCertificateRequest, call: CallContext
    ) -> service.InstallSignedCertificateResponse:
        """`csr/response/upload`."""
        certificate = resources.certificate(request.name)
        await self._do(requests.install(certificate, request), call)
        return service.InstallSignedCertificateResponse()

    async def download_certificate(
        self, request: service.DownloadCertificateRequest, call: CallContext
    ) -> service.DownloadCertificateResponse:
        """`export`, unpacked. There is no call that hands out a private key."""
        certificate = resources.certificate(request.name)
        if request.include_private_key:
            raise GatewayError(
                METHOD_NOT_SUPPORTED,
                f"{request.name}: this provider does not hand out private keys",
                metadata={"provider": self.id},
            )
        requests.check_password(request.keystore_password)
        return await self._api.fetch(
            requests.export(certificate, request.keystore_password, request.format),
            lambda response: files.exported_certificate(response, request.format, certificate.side),
            call,
        )

    async def list_trusted_authorities(
        self, request: service.ListTrustedAuthoritiesRequest, call: CallContext
    ) -> service.ListTrustedAuthoritiesResponse:
        """`ca/list`."""
        store = resources.trust_store(request.parent)
        listed = await self._authorities(store, requests.list_authorities(store), call)
        return service.ListTrustedAuthoritiesResponse(authorities=listed)

    async def get_trusted_authority(
        self, request: service.GetTrustedAuthorityRequest, call: CallContext
    ) -> service.GetTrustedAuthorityResponse:
        """`ca/show`."""
        authority = resources.authority(request.name)
        shown = await self._api.ask(
            requests.show_authority(authority),
            lambda data: translate.authority(data, authority, self._calendar),
            call,
        )
        return service.GetTrustedAuthorityResponse(authority=shown)

    async def import_trusted_authority(
        self, request: service.ImportTrustedAuthorityRequest, call: CallContext
    ) -> service.ImportTrustedAuthorityResponse:
        """`ca/list`, so that the new ones can be told from the old ones, and `ca/import`."""
        store = resources.trust_store(request.parent)
        before = await self._authorities(store, requests.list_authorities(store), call)
        after = await self._authorities(store, requests.import_authorities(store, request), call)
        return service.ImportTrustedAuthorityResponse(authorities=after, imported=translate.new_aliases(before, after))

    async def delete_trusted_authority(
        self, request: service.DeleteTrustedAuthorityRequest, call: CallContext
    ) -> service.DeleteTrustedAuthorityResponse:
        """`ca/delete`."""
        authority = resources.authority(request.name)
        remaining = await self._authorities(authority, requests.delete_authority(authority), call)
        return service.DeleteTrustedAuthorityResponse(authorities=remaining)

    def _certificate(self, side: str) -> Resource:
        return resources.certificate(resources.certificate_name(self.id, side))

    async def _exists(self, certificate: Resource, call: CallContext) -> bool:
        return await self._api.ask(requests.exist(certificate), translate.exists, call)

    async def _do(self, request: ApiRequest, call: CallContext) -> None:
        """A call whose success says nothing more."""
        await self._api.ask(request, lambda _: None, call)

    async def _refuse_existing(self, certificate: Resource, call: CallContext, *, replace: bool) -> None:
        """CERTIFICATE_ALREADY_EXISTS unless it may be replaced: the server itself does not look."""
        if replace or not await self._exists(certificate, call):
            return
        raise GatewayError(
            CERTIFICATE_ALREADY_EXISTS,
            f"{certificate.name} exists, and `replace` was not set",
            metadata={"provider": self.id},
            resource=certificate.name,
        )

    async def _show(
        self, certificate: Resource, password: str, call: CallContext, *, full: bool
    ) -> certificates.Certificate:
        read = translate.full_certificate if full else translate.basic_certificate
        return await self._api.ask(
            requests.show(certificate, password), lambda data: read(data, certificate, self._calendar), call
        )

    async def _authorities(
        self, store: Resource, asked: ApiRequest, call: CallContext
    ) -> list[authorities.TrustedAuthority]:
        return await self._api.ask(asked, lambda data: translate.listed_authorities(data, store, self._calendar), call)


async def _all(*calls: Coroutine[None, None, ResultT]) -> list[ResultT]:
    """The results of calls that run at once; where one fails, its error, and the others are cancelled."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(call) for call in calls]
    except* GatewayError as failures:
        first = failures.exceptions[0]
    else:
        return [task.result() for task in tasks]
    raise first


def _session(settings: AsteriaSettings, http: HttpClient) -> Session:
    if settings.session_id is not None:
        return FixedSession(settings.session_id.get_secret_value())
    assert settings.login is not None
    return LoginSession(settings.id, http, settings.login, settings.timeout)
