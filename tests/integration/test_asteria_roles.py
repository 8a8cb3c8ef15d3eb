"""Permissions of the three ASTERIA roles, compared with the table in the vendor documentation."""

import grpc
import pytest

from tests.support.asteria import Warp
from tests.support.stack import Gateway
from tests.support.valid_requests import call, valid_request
from tests.support.wire import failure_of, read

EVERYONE = {
    "ListCertificates",
    "GetCertificate",
    "CheckCertificate",
    "ListTrustedAuthorities",
    "GetTrustedAuthority",
    "CheckProvider",
}
OPERATOR = EVERYONE | {"DownloadCertificate", "GetCertificateSigningRequest"}
ADMINISTRATOR = OPERATOR | {
    "CreateCertificate",
    "DeleteCertificate",
    "ImportCertificate",
    "InstallSignedCertificate",
    "ImportTrustedAuthority",
    "DeleteTrustedAuthority",
}
ROLES = {"developer": EVERYONE, "operator": OPERATOR, "keyway": ADMINISTRATOR}
REJECTED = ("FAILED_PRECONDITION", "PROVIDER_CREDENTIALS_REJECTED")


@pytest.mark.parametrize("user", ROLES)
async def test_each_role_has_the_documented_permissions(warp: Warp, user: str) -> None:
    login = {"user_name": f"/{user}", "password": f"{user}-demo"}
    refused = set()
    async with Gateway(warp.stack.settings(warp.stack.provider("asteria", login=login))) as gateway:
        for method in sorted(ADMINISTRATOR):
            try:
                await call(gateway, method, valid_request(method, "asteria"))
            except grpc.aio.AioRpcError as error:
                if read(error).kind == REJECTED:
                    refused.add(method)
    assert refused == ADMINISTRATOR - ROLES[user]


async def test_insufficient_role_causes_no_login(warp: Warp) -> None:
    login = {"user_name": "/operator", "password": "operator-demo"}
    async with Gateway(warp.stack.settings(warp.stack.provider("asteria", login=login))) as gateway:
        failure = await failure_of(call(gateway, "DeleteCertificate", valid_request("DeleteCertificate", "asteria")))
        assert failure.kind == REJECTED
        assert failure.metadata == {"provider": "asteria", "http_status": "403"}
        assert failure.retry is None
        assert [sent.status for sent in await warp.sent()] == [200, 403]
