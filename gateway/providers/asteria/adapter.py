"""The ASTERIA adapter: the calls that each operation of the contract makes."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import TypeVar

from gateway.call_context import CallContext
from gateway.errors import CERTIFICATE_ALREADY_EXISTS, METHOD_NOT_SUPPORTED, GatewayError
from gateway.providers.asteria import calls, messages, resources
from gateway.providers.asteria.client import AsteriaClient
from gateway.providers.asteria.resources import Resource
from gateway.providers.asteria.settings import AsteriaSettings
from gateway.providers.asteria.status_table import STATUS_TABLE
from gateway.providers.base.api_client import ApiRequest
from gateway.providers.base.listing import CertificatePage, ListWindow
from gateway.providers.base.provider import Provider
from keyway.v1 import certificate_pb2 as certificates
from keyway.v1 import certificate_service_pb2 as service
from keyway.v1 import trusted_authority_pb2 as authorities

ResultT = TypeVar("ResultT")


class AsteriaProvider(Provider):
    """One ASTERIA Warp server: two certificates and two trust stores, called `server` and `client`.

    now: the clock that determines whether a certificate has expired.
    """

    def __init__(self, settings: AsteriaSettings, now: Callable[[], datetime] | None = None) -> None:
        super().__init__(settings, STATUS_TABLE)
        self._calendar = messages.Calendar(settings.timezone, now or (lambda: datetime.now(settings.timezone)))
        self._client = AsteriaClient(settings, self.http)

    async def close(self) -> None:
        """Log out, within a few seconds, and close the connections. Never raises."""
        try:
            await self._client.close()
        finally:
            await super().close()

    async def check(self, call: CallContext) -> None:
        """Call `server/exist`, after a login if there is no session."""
        await self._exists(self._certificate("server"), call)

    async def list_certificates(self, window: ListWindow, call: CallContext) -> CertificatePage:
        """Call `server/exist` and `client/exist`. EXPIRED lists nothing: expiration needs a password."""
        if window.state == service.CERTIFICATE_STATE_FILTER_EXPIRED:
            return CertificatePage((), 0)
        sides = [self._certificate(side) for side in resources.SIDES]
        existing = await _all(*(self._exists(side, call) for side in sides))
        found = [messages.listed_certificate(side) for side, exists in zip(sides, existing, strict=True) if exists]
        return window.of(found)

    async def get_certificate(
        self, request: service.GetCertificateRequest, call: CallContext
    ) -> service.GetCertificateResponse:
        """Call `show`, which needs the keystore password."""
        certificate = resources.certificate(request.name)
        calls.check_password(certificate, request.keystore_password)
        full = request.view == service.CERTIFICATE_VIEW_FULL
        found = await self._show(certificate, request.keystore_password, call, full=full)
        return service.GetCertificateResponse(certificate=found)

    async def check_certificate(
        self, request: service.CheckCertificateRequest, call: CallContext
    ) -> service.CheckCertificateResponse:
        """Call `exist`. A certificate other than `server` and `client` does not exist."""
        if not resources.can_be_certificate(request.name):
            return service.CheckCertificateResponse(exists=False)
        exists = await self._exists(resources.certificate(request.name), call)
        return service.CheckCertificateResponse(exists=exists)

    async def create_certificate(
        self, request: service.CreateCertificateRequest, call: CallContext
    ) -> service.CreateCertificateResponse:
        """Call `exist` unless `replace` is set, `create`, and `show`. If `show` fails, return the requested subject."""
        calls.check_create(request)
        certificate = self._certificate(request.certificate_id)
        await self._reject_existing(certificate, call, replace=request.replace)
        await self._do(calls.create(certificate, request), call)
        created = await self._changed(certificate, request.keystore_password, call, calls.requested_subject(request))
        return service.CreateCertificateResponse(certificate=created)

    async def delete_certificate(
        self, request: service.DeleteCertificateRequest, call: CallContext
    ) -> service.DeleteCertificateResponse:
        """Call `delete`."""
        certificate = resources.certificate(request.name)
        await self._do(calls.delete(certificate, request.keystore_password), call)
        return service.DeleteCertificateResponse()

    async def import_certificate(
        self, request: service.ImportCertificateRequest, call: CallContext
    ) -> service.ImportCertificateResponse:
        """Call `exist` unless `replace` is set, then `import`, and `show` if the response has no certificate."""
        certificate = resources.certificate(request.name)
        calls.check_import(request)
        await self._reject_existing(certificate, call, replace=request.replace)
        imported = await self._client.call(
            calls.import_keystore(certificate, request),
            lambda data: messages.imported_certificate(data, certificate, self._calendar),
            call,
        )
        if imported is None:
            imported = await self._changed(certificate, request.keystore_password, call)
        return service.ImportCertificateResponse(certificate=imported)

    async def get_certificate_signing_request(
        self, request: service.GetCertificateSigningRequestRequest, call: CallContext
    ) -> service.GetCertificateSigningRequestResponse:
        """Call `csr/download` and open its archive."""
        certificate = resources.certificate(request.name)
        api_request = calls.download_signing_request(
            certificate, request.keystore_password, request.private_key_password
        )
        return await self._client.fetch(api_request, messages.signing_request, call)

    async def install_signed_certificate(
        self, request: service.InstallSignedCertificateRequest, call: CallContext
    ) -> service.InstallSignedCertificateResponse:
        """Call `csr/response/upload`."""
        certificate = resources.certificate(request.name)
        await self._do(calls.install(certificate, request), call)
        return service.InstallSignedCertificateResponse()

    async def download_certificate(
        self, request: service.DownloadCertificateRequest, call: CallContext
    ) -> service.DownloadCertificateResponse:
        """Call `export` and open its archive. No call of the API returns a private key."""
        certificate = resources.certificate(request.name)
        if request.include_private_key:
            raise GatewayError(
                METHOD_NOT_SUPPORTED,
                f"{request.name}: this provider cannot return private keys",
                metadata={"provider": self.id},
            )
        calls.check_password(certificate, request.keystore_password)
        return await self._client.fetch(
            calls.export(certificate, request.keystore_password, request.format),
            lambda response: messages.exported_certificate(response, request.format, certificate.side),
            call,
        )

    async def list_trusted_authorities(
        self, request: service.ListTrustedAuthoritiesRequest, call: CallContext
    ) -> service.ListTrustedAuthoritiesResponse:
        """Call `ca/list`."""
        store = resources.trust_store(request.parent)
        listed = await self._authorities(store, calls.list_authorities(store), call)
        return service.ListTrustedAuthoritiesResponse(authorities=listed)

    async def get_trusted_authority(
        self, request: service.GetTrustedAuthorityRequest, call: CallContext
    ) -> service.GetTrustedAuthorityResponse:
        """Call `ca/show`."""
        authority = resources.authority(request.name)
        found = await self._client.call(
            calls.show_authority(authority),
            lambda data: messages.authority(data, authority, self._calendar),
            call,
        )
        return service.GetTrustedAuthorityResponse(authority=found)

    async def import_trusted_authority(
        self, request: service.ImportTrustedAuthorityRequest, call: CallContext
    ) -> service.ImportTrustedAuthorityResponse:
        """Call `ca/list` and `ca/import`. The authorities that only the second list has are new."""
        store = resources.trust_store(request.parent)
        before = await self._authorities(store, calls.list_authorities(store), call)
        after = await self._remaining(store, calls.import_authorities(store, request), call)
        return service.ImportTrustedAuthorityResponse(authorities=after, imported=messages.new_aliases(before, after))

    async def delete_trusted_authority(
        self, request: service.DeleteTrustedAuthorityRequest, call: CallContext
    ) -> service.DeleteTrustedAuthorityResponse:
        """Call `ca/delete`, and `ca/list` if the response has no list."""
        authority = resources.authority(request.name)
        remaining = await self._remaining(authority, calls.delete_authority(authority), call)
        return service.DeleteTrustedAuthorityResponse(authorities=remaining)

    def _certificate(self, side: str) -> Resource:
        return resources.certificate(resources.certificate_name(self.id, side))

    async def _exists(self, certificate: Resource, call: CallContext) -> bool:
        return await self._client.call(calls.exist(certificate), messages.exists, call)

    async def _do(self, request: ApiRequest, call: CallContext) -> None:
        """Make a call whose response has no data."""
        await self._client.call(request, lambda _: None, call)

    async def _reject_existing(self, certificate: Resource, call: CallContext, *, replace: bool) -> None:
        """Raise CERTIFICATE_ALREADY_EXISTS unless `replace` is set. The server would overwrite the certificate."""
        if replace or not await self._exists(certificate, call):
            return
        raise GatewayError(
            CERTIFICATE_ALREADY_EXISTS,
            f"{certificate.name} already exists; set `replace` to overwrite it",
            metadata={"provider": self.id},
            resource=certificate.name,
        )

    async def _changed(
        self,
        certificate: Resource,
        password: str,
        call: CallContext,
        subject: certificates.DistinguishedName | None = None,
    ) -> certificates.Certificate:
        """Return a certificate that was just stored; if `show` fails, its name and, if it is known, its subject."""
        try:
            return await self._show(certificate, password, call, full=True)
        except GatewayError:
            return certificates.Certificate(name=certificate.name, subject=subject)

    async def _remaining(
        self, store: Resource, request: ApiRequest, call: CallContext
    ) -> list[authorities.TrustedAuthority]:
        """Change a trust store. Return its authorities; none if the server does not list them after the change."""
        changed = await self._client.call(
            request, lambda data: messages.remaining_authorities(data, store, self._calendar), call
        )
        if changed is not None:
            return changed
        try:
            return await self._authorities(store, calls.list_authorities(store), call)
        except GatewayError:
            return []

    async def _show(
        self, certificate: Resource, password: str, call: CallContext, *, full: bool
    ) -> certificates.Certificate:
        read = messages.full_certificate if full else messages.basic_certificate
        return await self._client.call(
            calls.show(certificate, password), lambda data: read(data, certificate, self._calendar), call
        )

    async def _authorities(
        self, store: Resource, request: ApiRequest, call: CallContext
    ) -> list[authorities.TrustedAuthority]:
        return await self._client.call(
            request, lambda data: messages.listed_authorities(data, store, self._calendar), call
        )


async def _all(*calls: Coroutine[None, None, ResultT]) -> list[ResultT]:
    """Return the results of concurrent calls. If one fails, raise its error and cancel the others."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(call) for call in calls]
    except* GatewayError as failures:
        first = failures.exceptions[0]
    else:
        return [task.result() for task in tasks]
    raise first
