"""Logins, sessions, and roles of the ASTERIA emulator, and the required form of a request."""

import re
from collections.abc import Awaitable, Callable

import pytest

from tests.support.emulators.asteria import (
    ADMINISTRATOR,
    DEVELOPER,
    OPERATOR,
    AsteriaAnswer,
    AsteriaUser,
    running,
)

CALLS: dict[str, tuple[str, set[tuple[str, str]]]] = {
    "exist": ("GET", {ADMINISTRATOR, DEVELOPER, OPERATOR}),
    "show": ("POST", {ADMINISTRATOR, DEVELOPER, OPERATOR}),
    "create": ("POST", {ADMINISTRATOR}),
    "delete": ("POST", {ADMINISTRATOR}),
    "import": ("POST", {ADMINISTRATOR}),
    "csr/download": ("POST", {ADMINISTRATOR, OPERATOR}),
    "csr/response/upload": ("POST", {ADMINISTRATOR}),
    "export": ("POST", {ADMINISTRATOR, OPERATOR}),
    "ca/list": ("GET", {ADMINISTRATOR, DEVELOPER, OPERATOR}),
    "ca/show": ("GET", {ADMINISTRATOR, DEVELOPER, OPERATOR}),
    "ca/delete": ("POST", {ADMINISTRATOR}),
    "ca/import": ("POST", {ADMINISTRATOR}),
}
STORES = ["server", "client"]


def refused(answer: AsteriaAnswer) -> bool:
    """Return whether the response is that of an insufficient role: 403 in the error format, without a code."""
    return answer.json is not None and answer.status == 403 and "code" not in answer.json["result"]


@pytest.mark.parametrize("function", CALLS)
@pytest.mark.parametrize("user", [ADMINISTRATOR, DEVELOPER, OPERATOR])
async def test_roles_limit_the_permitted_calls(user: tuple[str, str], function: str) -> None:
    method, permitted = CALLS[function]
    async with running(log_in=False) as client:
        await client.log_in(user)
        for store in STORES:
            answer = await client.call(method, f"certificate/{store}/{function}")
            assert refused(answer) == (user not in permitted)
            if user in permitted and answer.status != 200:
                # The request has no body, so a permitted call fails on missing parameters, JSON, or multipart data.
                assert answer.failure[1] in (2002, 2101, 2301)


@pytest.mark.parametrize("function", CALLS)
@pytest.mark.parametrize("session_id", [None, "", "76B7EDBB1F14443FA538E62E05C5EEA4", "' OR 1=1 --"])
async def test_call_without_session_is_rejected(function: str, session_id: str | None) -> None:
    async with running(log_in=False) as client:
        headers = {} if session_id is None else {"X-As-SessionId": session_id}
        for store in STORES:
            answer = await client.call(CALLS[function][0], f"certificate/{store}/{function}", headers=headers)
            assert answer.failure == (403, 3001)


@pytest.mark.parametrize("function", CALLS)
async def test_wrong_http_method_is_rejected(function: str) -> None:
    async with running() as client:
        other = "POST" if CALLS[function][0] == "GET" else "GET"
        for method in (other, "PUT", "DELETE"):
            assert (await client.call(method, f"certificate/server/{function}")).failure == (405, None)


@pytest.mark.parametrize(
    "path",
    ["certificate/server", "certificate/Server/exist", "certificate/server/exist/", "certificate/server/exist.xml",
     "certificate/other/exist", "auth", "other/list"],
)  # fmt: skip
async def test_unknown_path_is_not_found(path: str) -> None:
    async with running() as client:
        assert (await client.call("GET", path)).failure == (404, None)


async def test_path_accepts_json_suffix() -> None:
    async with running() as client:
        assert (await client.get("server/exist.json")).data == {"exist": True}


@pytest.mark.parametrize(("user", "role"), [(ADMINISTRATOR, "administrator"), (DEVELOPER, "developer"),
                                            (OPERATOR, "operator")])  # fmt: skip
async def test_login_returns_session_and_optionally_role(user: tuple[str, str], role: str) -> None:
    async with running(log_in=False) as client:
        answer = await client.log_in(user, getRole="true")
        assert answer.data["role"] == role
        assert re.fullmatch("[0-9A-F]{32}", answer.data["sessionId"])
        assert {"serverName", "serverId"} < answer.data.keys()
        assert "role" not in (await client.log_in(user, getRole="false")).data
        assert answer.data["sessionId"] != client.session_id


@pytest.mark.parametrize(
    ("fields", "failure"),
    [
        ({"userName": "/keyway", "password": "wrong"}, (403, 3002)),
        ({"userName": "keyway", "password": "keyway-demo"}, (403, 3002)),
        ({"userName": "/keyway"}, (400, 2002)),
        ({"password": "keyway-demo"}, (400, 2002)),
        ({"userName": "/keyway", "password": ""}, (400, 2002)),
        ({"userName": "/keyway", "password": "keyway-demo", "timeout": "0"}, (400, 2003)),
        ({"userName": "/keyway", "password": "keyway-demo", "timeout": "soon"}, (400, 2003)),
        ({"userName": "/keyway", "password": "keyway-demo", "timeout": "-5"}, (400, 2003)),
        ({"userName": "/keyway", "password": "keyway-demo", "getRole": "yes"}, (400, 2003)),
    ],
)
async def test_invalid_login_is_rejected(fields: dict[str, str], failure: tuple[int, int]) -> None:
    async with running(log_in=False) as client:
        assert (await client.call("POST", "auth/login", data=fields)).failure == failure
        assert (await client.call("POST", "auth/login", json=fields)).failure == (400, 2002)


async def test_logout_ends_one_session() -> None:
    async with running() as client:
        first = client.session_id
        await client.log_in()
        assert (await client.call("POST", "auth/logout")).data == {}
        assert (await client.get("server/exist")).failure == (403, 3001)
        assert (await client.call("POST", "auth/logout")).failure == (403, 3001)
        client.session_id = first
        assert (await client.get("server/exist")).status == 200


async def set_clock(client: AsteriaUser, seconds: float) -> None:
    await client.control("POST", "/clock", {"offset_seconds": seconds})


async def plain_call(client: AsteriaUser) -> AsteriaAnswer:
    return await client.get("server/exist")


async def refused_call(client: AsteriaUser) -> AsteriaAnswer:
    return await client.get("server/ca/show")


@pytest.mark.parametrize(("fields", "minutes"), [({}, 30), ({"timeout": "5"}, 5), ({"timeout": "120"}, 120)])
async def test_session_expires_with_the_emulator_clock(fields: dict[str, str], minutes: int) -> None:
    async with running(log_in=False) as client:
        await client.log_in(ADMINISTRATOR, **fields)
        await set_clock(client, minutes * 60 - 5)
        assert (await plain_call(client)).status == 200
        await client.log_in(ADMINISTRATOR, **fields)
        await set_clock(client, 2 * minutes * 60 + 5)
        assert (await plain_call(client)).failure == (403, 3001)
        await client.log_in()
        assert (await plain_call(client)).status == 200


@pytest.mark.parametrize("use", [plain_call, refused_call])
async def test_each_call_renews_the_session_timeout(use: Callable[[AsteriaUser], Awaitable[AsteriaAnswer]]) -> None:
    async with running() as client:
        for turn in range(1, 4):
            await set_clock(client, turn * 29 * 60)
            assert (await use(client)).json["result"].get("code") != 3001
        await set_clock(client, 3 * 29 * 60 + 31 * 60)
        assert (await plain_call(client)).failure == (403, 3001)
