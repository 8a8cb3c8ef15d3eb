"""A gateway for the console: certificates that expire at all times, callers, denials, and a failing provider."""

import contextlib
import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from keyway.v1 import certificate_service_pb2 as certificates
from keyway.v1 import key_service_pb2 as keys
from keyway.v1.provider_service_pb2 import CheckProviderRequest
from tests.support.audit_queries import indexed, queryable
from tests.support.audit_scopes import made
from tests.support.authority import CertificateAuthority
from tests.support.console import RunningConsole, options_of, running_console
from tests.support.processes import Process
from tests.support.stack import ASTERIA, CERTIFICATE_MANAGER, Stack
from tests.support.trusted import DOMAIN, OPERATOR, ORDERS, CallerStubs, Trusted

WEB: Final = f"{DOMAIN}/web-tier"
HOSTILE: Final = '<img src=x onerror="document.title=1"><script>document.title=2</script>'
REVERSED: Final = "evil\u202egnp.exe"
LONG: Final = "api-gateway-blue-green-canary.payments.internal.services.ap-northeast-2.example-corporation.co.kr"
_DAYS_LEFT: Final = {
    "legacy.example.com": -12,
    "shop.example.com": 5,
    "결제-서비스.운영.한국": 6,
    LONG: 19,
    "mail.example.com": 27,
    "admin.example.com": 41,
    "vpn.example.com": 55,
    "cdn.example.com": 88,
    "status.example.com": 120,
    "*.dev.example.com": 133,
    "auth.example.com": 171,
    "static.example.com": 179,
    "build.example.com": 214,
    "주문-관리.example.com": 240,
}
_WITH_FILES: Final = ("shop.example.com", "mail.example.com")
_AUTHORITIES: Final = {"결제-서비스.운영.한국": "株式会社サイバートラスト", "주문-관리.example.com": "한국정보인증"}
_WEB_POLICY: Final = f"""
@id("web-tier-downloads-its-certificates")
permit (
  principal == Keyway::Caller::"{WEB}",
  action in [Keyway::Action::"DownloadCertificate", Keyway::Action::"DownloadCertificateWithPrivateKey"],
  resource
) when {{ resource.id like "*.example.com" }};
"""


@dataclass(frozen=True)
class ConsoleScene:
    """The gateway with its history. calls: the request IDs by what happened."""

    trusted: Trusted
    address: str
    calls: dict[str, str]

    @contextlib.asynccontextmanager
    async def console(self, name: str = OPERATOR, *options: object) -> AsyncIterator[RunningConsole]:
        """Run the console of a caller. options: before `console`."""
        arguments = [*options, *options_of(self.trusted, self.address, name)]
        async with running_console(self.trusted.folder, *arguments) as console:
            yield console


async def seed(stack: Stack) -> None:
    """Add the certificates to the default ones."""
    today = dt.datetime.now(dt.timezone(dt.timedelta(hours=9))).date()
    authority = CertificateAuthority("Example Trust Services")
    rows: list[dict[str, Any]] = []
    for name, days in _DAYS_LEFT.items():
        row: dict[str, Any] = {
            "name": name,
            "authority": _AUTHORITIES.get(name, "Example Trust Services"),
            "expiration_date": (today + dt.timedelta(days=days)).isoformat(),
        }
        if name in _WITH_FILES:
            issued = authority.issue(name, hosts=[name], expires_in=dt.timedelta(days=days))
            content = (issued.chain_pem + authority.pem + issued.key_pem).decode()
            row["files"] = [{"file_name": f"{name}.pem", "content": content}]
        rows.append(row)
    await stack.controls[CERTIFICATE_MANAGER].seed({"certificates": rows})


async def history(trusted: Trusted, address: str, stack: Stack) -> dict[str, str]:
    """Make the calls."""
    calls: dict[str, str] = {}
    async with trusted.caller(address, WEB) as web, trusted.caller(address, ORDERS) as orders:
        for _ in range(3):
            calls["download"] = await _made(_download(web, "www.example.com"))
        for name in ("ec.example.com", "shop.example.com", "shop.example.com", "mail.example.com"):
            await _made(_download(web, name))
        calls["encrypt"] = await _made(
            orders.keys.Encrypt(keys.EncryptRequest(name="providers/nhn-keys/keys/orders-key", plaintext=b"x"))
        )
        calls["denied"] = await _made(
            orders.keys.GetSecret(keys.GetSecretRequest(name="providers/nhn-keys/secrets/demo-secret"))
        )
    async with trusted.caller(address) as operator:
        await _made(_download(operator, "www.example.com"))
        hostile = certificates.GetCertificateRequest(name=f"providers/nhn-certs/certificates/{HOSTILE}{REVERSED}")
        calls["hostile"] = await _made(operator.certificates.GetCertificate(hostile))
        await stack.controls[ASTERIA].fail(mode="close", count=50)
        for _ in range(3):
            request = certificates.CheckCertificateRequest(name="providers/asteria/certificates/server")
            calls["upstream"] = await _made(operator.certificates.CheckCertificate(request))
        for provider in ("nhn-certs", "nhn-keys", "asteria"):
            await operator.providers.CheckProvider(CheckProviderRequest(name=f"providers/{provider}"))
        await stack.controls[ASTERIA].call("DELETE", "/faults")
        await indexed(operator, *calls.values())
    return calls


@contextlib.asynccontextmanager
async def console_scene(folder: Path, stack: Stack) -> AsyncIterator[ConsoleScene]:
    """Yield the gateway with two workers, when its index contains the history."""
    await seed(stack)
    trusted = queryable(folder, stack)
    policies = folder / "policies.cedar"
    policies.write_text(policies.read_text() + _WEB_POLICY)
    trusted.configuration["workers"] = 2
    async with Process(folder, "serve", "--config", trusted.write()) as process:
        address = await process.address()
        yield ConsoleScene(trusted, address, await history(trusted, address, stack))


def _download(caller: CallerStubs, name: str) -> Any:
    request = certificates.DownloadCertificateRequest(
        name=f"providers/nhn-certs/certificates/{name}", include_private_key=True
    )
    return caller.certificates.DownloadCertificate(request)


async def _made(call: Any) -> str:
    """Return the request ID of a call, successful or not."""
    ((request_id, _),) = [each async for each in made([call])]
    return request_id
