"""The ASTERIA session: one login for all callers, and a new login when the session has expired.

Source: `POST /mcapi/auth/login` (a form with userName, password, and timeout in minutes; returns
`result.data.sessionId`) and `POST /mcapi/auth/logout`. `client.py` detects that a session has expired.
"""

import asyncio
import time
from typing import Final, Protocol
from urllib.parse import urlencode

from gateway.call_context import CallContext
from gateway.contract.resource_names import PROVIDER
from gateway.errors import SERVER_DRAINING, GatewayError, UpstreamError
from gateway.providers.asteria.settings import Login, is_session_id
from gateway.providers.base.api_client import ApiClient, ApiRequest
from gateway.providers.base.errors import FormatError
from gateway.providers.base.json_object import JsonObject
from gateway.upstream import outcomes

SESSION_HEADER: Final = "X-As-SessionId"
FORM: Final = "application/x-www-form-urlencoded; charset=UTF-8"
LOGOUT_SECONDS: Final = 5.0
REJECTION_SECONDS: Final = 5.0
"""Seconds without a new login after a rejected one, so that many calls do not lock the account."""

_LOGIN_PATH: Final = "/mcapi/auth/login"
_LOGOUT_PATH: Final = "/mcapi/auth/logout"


class Session(Protocol):
    """The source of session IDs."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """Configured values that must not be recorded."""

    @property
    def renewable(self) -> bool:
        """Whether an expired ID is replaced by a new one."""

    async def current(self, call: CallContext) -> str:
        """Return the current session ID."""

    async def renew(self, expired: str, call: CallContext) -> str | None:
        """Return a new ID in place of `expired`; None if there is no other."""

    async def close(self) -> None:
        """Log out if this object logged in. Never raises."""


class FixedSession:
    """A configured session ID. Another system logs in and keeps the session alive."""

    renewable: Final = False
    secrets: Final = ()
    """Empty: the ID itself is a secret of each request."""

    def __init__(self, session_id: str) -> None:
        self._id = session_id

    async def current(self, _call: CallContext) -> str:
        """Return the configured ID."""
        return self._id

    async def renew(self, _expired: str, _call: CallContext) -> str | None:
        """Return None: there is no other ID."""
        return None

    async def close(self) -> None:
        """Do nothing: the session belongs to another system."""


class LoginSession:
    """Sessions of one account. At most one login runs at a time, and all callers share its result.

    timeout: seconds for one login. Each caller waits until its own deadline at most. When a caller gives up, the login
    continues for the other callers.
    """

    renewable: Final = True

    def __init__(self, provider: str, api: ApiClient, login: Login, timeout: float) -> None:
        self.secrets = (login.password.get_secret_value(),)
        self._provider = provider
        self._resource = PROVIDER.format(provider=provider)
        self._api = api
        self._login = login
        self._timeout = timeout
        self._id: str | None = None
        self._rejection: tuple[float, UpstreamError] | None = None
        self._running: asyncio.Task[str | UpstreamError] | None = None
        self._in_background = False

    async def current(self, call: CallContext) -> str:
        """Return the session ID, after a login if there is no session."""
        return self._id if self._id is not None else await self._joined_login(call)

    async def renew(self, expired: str, call: CallContext) -> str | None:
        """Return a newer ID than `expired`. Logs in unless another caller has already done so."""
        if self._id == expired:
            self._id = None
        return await self.current(call)

    async def close(self) -> None:
        """Log out within a few seconds. If the logout fails, the session expires by its own timeout."""
        running, self._running = self._running, None
        try:
            async with asyncio.timeout(LOGOUT_SECONDS):
                if running is not None:
                    await asyncio.wait({running})
                await self._log_out()
        except (TimeoutError, GatewayError):
            pass
        finally:
            self._id = None
            if running is not None:
                running.cancel()

    async def _joined_login(self, call: CallContext) -> str:
        """Return the ID of the current login, or of a new one. Raises the error of a login that was just rejected."""
        if self._rejection is not None and time.monotonic() - self._rejection[0] < REJECTION_SECONDS:
            raise _copy(self._rejection[1])
        if self._running is None:
            self._running = asyncio.create_task(self._run(call), name=f"login of {self._provider}")
            self._in_background = call.background
        running, in_background = self._running, self._in_background
        await asyncio.wait({running}, timeout=call.remaining())
        if not running.done():
            message = f"{self._resource}: the login did not finish in time"
            raise UpstreamError(outcomes.TIMEOUT, message, provider=self._provider)
        if running.cancelled():
            raise GatewayError(SERVER_DRAINING, "the gateway is shutting down")
        result = running.result()
        if isinstance(result, UpstreamError):
            if in_background and not call.background and result.kind is not outcomes.CREDENTIALS_REJECTED:
                return await self._joined_login(call)  # the login of a background call has no retries
            raise _copy(result)
        return result

    async def _run(self, starter: CallContext) -> str | UpstreamError:
        """Log in. A failure is returned, not raised, because any number of callers can wait for the result."""
        call = starter.shared(time.monotonic() + self._timeout, idempotent=True)
        try:
            self._id = await self._log_in(call)
        except UpstreamError as error:
            if error.kind is outcomes.CREDENTIALS_REJECTED:
                self._rejection = (time.monotonic(), error)
            return error
        else:
            return self._id
        finally:
            self._running = None

    async def _log_in(self, call: CallContext) -> str:
        login = self._login
        form = {
            "userName": login.user_name,
            "password": login.password.get_secret_value(),
            "timeout": str(login.timeout_minutes),
        }
        request = ApiRequest("POST", _LOGIN_PATH, _LOGIN_PATH, self._resource, urlencode(form).encode(), FORM)
        return await self._api.call(request, _session_id, call)

    async def _log_out(self) -> None:
        if self._id is None:
            return
        call = CallContext("logout", time.monotonic() + LOGOUT_SECONDS, idempotent=True)
        headers = {SESSION_HEADER: self._id}
        request = ApiRequest("POST", _LOGOUT_PATH, _LOGOUT_PATH, self._resource, None, FORM, headers)
        await self._api.call(request, lambda _: None, call)


def _session_id(data: JsonObject) -> str:
    session_id = data.text("sessionId").strip()
    if not is_session_id(session_id):
        raise FormatError("sessionId is not a valid header value")
    return session_id


def _copy(error: UpstreamError) -> UpstreamError:
    """Return a copy of an error for another caller. Raising one exception twice would mix up the tracebacks."""
    return UpstreamError(
        error.kind,
        error.message,
        provider=error.provider,
        upstream_code=error.upstream_code,
        upstream_message=error.upstream_message,
        http_status=error.http_status,
        metadata=error.metadata,
        retry_after=error.retry_after,
    )
