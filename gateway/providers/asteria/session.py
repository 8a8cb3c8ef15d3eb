"""The session that every call needs: one login for all callers, another one when the server has forgotten it.

Source: `POST /mcapi/auth/login` (a form with userName, password, timeout in minutes; answers `result.data.sessionId`)
and `POST /mcapi/auth/logout`. When a session is no longer good is found by `api.py`; what is done then, here.
"""

import asyncio
import time
from typing import Final, Protocol
from urllib.parse import urlencode

from gateway.call_context import CallContext
from gateway.errors import SERVER_DRAINING, GatewayError, MalformedResponse, Outcome, UpstreamError
from gateway.providers.asteria import answers, errors
from gateway.providers.asteria.settings import Login, is_session_id
from gateway.providers.base.formats import FormatError
from gateway.upstream import outcomes
from gateway.upstream.client import HttpClient, HttpRequest, HttpResponse

SESSION_HEADER: Final = "X-As-SessionId"
FORM: Final = "application/x-www-form-urlencoded; charset=UTF-8"
LOGOUT_SECONDS: Final = 5.0
REJECTION_SECONDS: Final = 5.0
"""How long a refused login is not tried again, so that many calls don't lock the account."""

_LOGIN_PATH: Final = "/mcapi/auth/login"
_LOGOUT_PATH: Final = "/mcapi/auth/logout"


class Session(Protocol):
    """Where session ids come from."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """What is configured for it and must not show, beside the ids."""

    async def current(self, call: CallContext) -> str:
        """A session id that is good as far as is known."""

    async def renew(self, refused: str, call: CallContext) -> str | None:
        """Another id in the place of one that the server refused; None where there is no other."""

    async def close(self) -> None:
        """End the session at the server where it was begun here; never raises."""


class FixedSession:
    """A configured session id, which somebody else began and keeps alive."""

    secrets: Final = ()
    """The id itself goes with every call."""

    def __init__(self, session_id: str) -> None:
        self._id = session_id

    async def current(self, _call: CallContext) -> str:
        """The configured id."""
        return self._id

    async def renew(self, _refused: str, _call: CallContext) -> str | None:
        """There is no other."""
        return None

    async def close(self) -> None:
        """The session is not ours to end."""


class LoginSession:
    """Sessions of one account. At most one login runs at a time, whoever and how many wait for it.

    timeout: seconds that a login may take; each caller waits for it no longer than until its own deadline.
    A caller that gives up leaves the login running for the others.
    """

    def __init__(self, provider: str, http: HttpClient, login: Login, timeout: float) -> None:
        self.secrets = (login.password.get_secret_value(),)
        self._provider = provider
        self._http = http
        self._login = login
        self._timeout = timeout
        self._id: str | None = None
        self._rejection: tuple[float, UpstreamError] | None = None
        self._running: asyncio.Task[str | UpstreamError] | None = None

    async def current(self, call: CallContext) -> str:
        """The session's id, after a login where there is none yet."""
        return self._id if self._id is not None else await self._joined_login(call)

    async def renew(self, refused: str, call: CallContext) -> str | None:
        """A newer id than `refused`; logs in only where no other caller has done so since."""
        if self._id == refused:
            self._id = None
        return await self.current(call)

    async def close(self) -> None:
        """Log out, within a few seconds; what goes wrong with it is left to the session's own timeout."""
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
        """The id from the login that runs, or from one that is started; the failure of one refused a moment ago."""
        if self._rejection is not None and time.monotonic() - self._rejection[0] < REJECTION_SECONDS:
            raise _copy(self._rejection[1])
        if self._running is None:
            self._running = asyncio.create_task(self._run(call), name=f"login of {self._provider}")
        running = self._running
        await asyncio.wait({running}, timeout=call.remaining())
        if not running.done():
            raise self._error(outcomes.TIMEOUT, "the login did not end in time")
        if running.cancelled():
            raise GatewayError(SERVER_DRAINING, "the gateway is shutting down")
        result = running.result()
        if isinstance(result, UpstreamError):
            raise _copy(result)
        return result

    async def _run(self, starter: CallContext) -> str | UpstreamError:
        """One login. Its failure is returned, not raised: there may be no caller left, or several."""
        deadline = time.monotonic() + self._timeout
        call = starter.shared(deadline, idempotent=True)
        try:
            self._id = await self._log_in(call)
        except UpstreamError as error:
            if error.outcome is outcomes.CREDENTIALS_REJECTED:
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
        request = HttpRequest("POST", _LOGIN_PATH, {"Content-Type": FORM}, urlencode(form).encode(), shown=shown)
        response = await self._http.send(request, call)
        answer = answers.read(response)
        if answer.failure is not None:
            raise self._refused(answer.failure, response)
        try:
            session_id = answer.data().text("sessionId").strip()
        except FormatError as error:
            raise self._malformed(f"the login's answer: {error}", response) from error
        if not is_session_id(session_id):
            raise self._malformed("the login's session id can't be sent in a header", response)
        return session_id

    async def _log_out(self) -> None:
        if self._id is None:
            return
        call = CallContext("logout", time.monotonic() + LOGOUT_SECONDS, idempotent=True)
        headers = {SESSION_HEADER: self._id, "Content-Type": FORM}
        await self._http.send(HttpRequest("POST", _LOGOUT_PATH, headers), call)

    def _refused(self, failure: errors.Failure, response: HttpResponse) -> UpstreamError:
        """A login that failed: the account is at fault, unless the answer speaks of the server's own trouble."""
        error = errors.to_error(
            failure,
            response,
            provider=self._provider,
            resource=self._resource,
            secrets=self.secrets,
        )
        if _is_rejection(failure, response.status):
            error.outcome = outcomes.CREDENTIALS_REJECTED
            error.message = f"{self._resource}: the server refused the gateway's login"
            error.resource = error.retry_after = None
        return error

    @property
    def _resource(self) -> str:
        return f"providers/{self._provider}"

    def _malformed(self, fault: str, response: HttpResponse) -> MalformedResponse:
        return MalformedResponse(f"{self._resource}: {fault}", provider=self._provider, http_status=response.status)

    def _error(self, outcome: Outcome, fault: str) -> UpstreamError:
        return UpstreamError(outcome, f"{self._resource}: {fault}", provider=self._provider)


def shown(target: str) -> str:
    """The path, which holds no names; those of authorities stand in the query."""
    return target.partition("?")[0]


def _is_rejection(failure: errors.Failure, status: int) -> bool:
    """Whether a failed login speaks of the account. Codes from 5000 on are the server's own trouble."""
    if failure.code is not None and failure.code.isdecimal():
        return not 5000 <= int(failure.code) <= 5999
    if failure.enveloped:
        return status < 500
    return 400 <= status <= 499 and status not in (404, 408, 429)


def _copy(error: UpstreamError) -> UpstreamError:
    """The same failure for one more caller: an exception that is raised twice would mix up their tracebacks."""
    return UpstreamError(
        error.outcome,
        error.message,
        provider=error.provider,
        upstream_code=error.upstream_code,
        upstream_message=error.upstream_message,
        http_status=error.http_status,
        metadata=error.metadata,
        retry_after=error.retry_after,
    )
