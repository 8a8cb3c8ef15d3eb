"""Verification of server certificates: the same rules under every version of Python, and failures that name them."""

import ssl
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway import tls_verification
from gateway.errors import UpstreamError
from gateway.upstream import outcomes, tls
from tests.support.old_authority import OldAuthority
from tests.support.raw_server import RawServer, keeping_alive
from tests.support.upstream_client import GET, OK, client, failure, new_call

pytestmark = pytest.mark.usefixtures("transport")


@pytest.fixture(params=["default", "strict"])
def python(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give `ssl` the defaults of this Python, or those of Python 3.13 and later."""
    if request.param == "strict":
        create = ssl.create_default_context

        def strict(*arguments: Any, **options: Any) -> ssl.SSLContext:
            context = create(*arguments, **options)
            context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
            return context

        monkeypatch.setattr(ssl, "create_default_context", strict)


@pytest.mark.usefixtures("python")
async def test_authority_without_key_usage_is_accepted(tmp_path: Path) -> None:
    authority = OldAuthority()
    trusting = tls.context(authority.pem, None)
    server = RawServer(keeping_alive(OK), tls=authority.serving(tmp_path))
    async with server, client(server.url, tls=trusting) as http:
        assert (await http.send(GET, new_call())).body == b"ok"


@pytest.mark.usefixtures("python")
def test_flags_do_not_depend_on_the_version_of_python() -> None:
    for context in (tls_verification.verifying_context(), tls.context(OldAuthority().pem, None)):
        assert context is not None
        assert context.verify_flags == ssl.VERIFY_X509_TRUSTED_FIRST
        assert context.verify_mode == ssl.CERT_REQUIRED
        assert context.check_hostname


async def test_rejected_certificate_is_logged_with_the_rule_and_the_names(tmp_path: Path) -> None:
    with capture_logs() as logged:
        async with RawServer(keeping_alive(OK), tls=OldAuthority().serving(tmp_path)) as server:
            errors = [await failure(server.url, tls=tls.context(OldAuthority().pem, None)) for _ in range(2)]
    for error in errors:
        assert error.kind == outcomes.TLS_FAILED
        assert "its certificate was rejected (" in str(error)
        assert "warp.internal" not in str(error), "names in the certificate are for operators"
    (entry, *_) = (entry for entry in logged if entry["event"] == "provider_tls_failed")
    assert "certificate 'CN=warp.internal' of issuer 'CN=Old Private CA', valid " in entry["error"]


@pytest.mark.parametrize(
    ("days", "host", "rule"),
    [(-5, "localhost", "certificate has expired"), (10, "127.0.0.1", "IP address mismatch")],
)
async def test_rule_is_named(days: int, host: str, rule: str, tmp_path: Path) -> None:
    authority = OldAuthority()
    with capture_logs() as logged:
        async with RawServer(keeping_alive(OK), tls=authority.serving(tmp_path, days=days)) as server:
            error = await failure(f"https://{host}:{server.port}", tls=tls.context(authority.pem, None))
    assert f"({rule})" in str(error)
    (entry, *_) = (entry for entry in logged if entry["event"] == "provider_tls_failed")
    assert entry["error"].startswith(rule)
    assert "CN=warp.internal" in entry["error"]


async def test_repeated_failure_is_logged_once(tmp_path: Path) -> None:
    authority = OldAuthority()
    server = RawServer(keeping_alive(OK), tls=authority.serving(tmp_path, days=-5))
    with capture_logs() as logged:
        async with server, client(server.url, tls=tls.context(authority.pem, None)) as http:
            for _ in range(3):
                with pytest.raises(UpstreamError, match="rejected"):
                    await http.send(GET, new_call())
    assert [entry["event"] for entry in logged].count("provider_tls_failed") == 1
