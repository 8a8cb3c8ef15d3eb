"""The certificate list of the Certificate Manager emulator."""

import datetime as dt
from typing import Any

import pytest

from tests.support.emulators.certificate_manager import dated_file, day, pem_file, running, running_default, seeded

NAMES = [f"c{number:02}.example.com" for number in range(1, 13)]
VERSIONS = ["v1.0", "v1.1", "v1.2", "v1.3"]
CREDENTIALS = {
    "X-TC-AUTHENTICATION-ID": "id",
    "X-TC-AUTHENTICATION-SECRET": "secret",
    "X-NHN-AUTHORIZATION": "Bearer token",
}
ACCESS: dict[str, Any] = {"access_keys": [{"id": "id", "secret": "secret"}], "bearer_tokens": ["token"]}


async def test_list_matches_the_documented_v1_0_sample() -> None:
    """The request has all four parameters. Fields and types of the response match the documentation."""
    certificate = {
        "name": "test.nhn.com", "authority": "NHN", "signature_algorithm": "SHA256withRSA",
        "file_creation_date": day(-30), "expiration_date": day(30),
    }  # fmt: skip
    async with running(certificate) as client:
        answer = await client.list("?pageSize=10&pageNum=1&all=false&status=UNEXPIRED")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.json == {
        "header": {"resultCode": 0, "resultMessage": "success", "isSuccessful": True},
        "body": {
            "totalCount": 1,
            "totalPage": 1,
            "currentPage": 1,
            "pageSize": 10,
            "data": [
                {
                    "certificateName": "test.nhn.com",
                    "authority": "NHN",
                    "signatureAlgorithm": "SHA256withRSA",
                    "fileCreationDate": day(-30),
                    "expirationDate": day(30),
                }
            ],
        },
    }


@pytest.mark.parametrize(("version", "listed"), [("v1.0", False), ("v1.1", False), ("v1.2", True), ("v1.3", True)])
async def test_domains_are_listed_since_v1_2(version: str, listed: bool) -> None:
    content = pem_file("example.com", domains=("example.com", "*.example.com"))
    async with running(seeded("example.com", content), **ACCESS) as client:
        answer = await client.list(version=version, headers=CREDENTIALS)
    entry = answer.json["body"]["data"][0]
    assert entry.get("domains") == (["example.com", "*.example.com"] if listed else None)
    assert ("domains" in entry) is listed


async def test_list_is_paged() -> None:
    async with running(*NAMES) as client:
        default = await client.list()
        third = await client.list("?pageSize=5&pageNum=3")
        beyond = await client.list("?pageSize=5&pageNum=4")
    assert default.names == NAMES[:10]
    assert default.json["body"] | {"data": None} == {
        "totalCount": 12, "totalPage": 2, "currentPage": 1, "pageSize": 10, "data": None
    }  # fmt: skip
    assert third.names == NAMES[10:]
    assert third.json["body"]["totalPage"] == 3
    assert third.json["body"]["currentPage"] == 3
    assert beyond.code == 0
    assert beyond.names == []


async def test_all_returns_everything_on_one_page() -> None:
    async with running(*NAMES) as client:
        answer = await client.list("?all=true&pageSize=5&pageNum=3")
    assert answer.names == NAMES
    assert answer.json["body"] | {"data": None} == {
        "totalCount": 12, "totalPage": 1, "currentPage": 1, "pageSize": 12, "data": None
    }  # fmt: skip


@pytest.mark.parametrize("query", ["", "?all=true"])
async def test_empty_list_has_no_pages(query: str) -> None:
    async with running() as client:
        answer = await client.list(query)
    assert answer.code == 0
    assert answer.json["body"]["data"] == []
    assert answer.json["body"]["totalCount"] == answer.json["body"]["totalPage"] == 0


async def test_status_depends_on_the_date_in_seoul() -> None:
    certificates = [{"name": name, "expiration_date": day(offset)} for name, offset in [("past", -1), ("today", 0)]]
    async with running(*certificates, "no-date") as client:
        assert (await client.list()).names == ["today", "no-date"]
        assert (await client.list("?status=UNEXPIRED")).names == ["today", "no-date"]
        expired = await client.list("?status=EXPIRED")
        assert (await client.list("?status=ALL")).names == ["past", "today", "no-date"]
        await client.control("/clock", {"offset_seconds": 24 * 3600})
        assert (await client.list("?status=EXPIRED")).names == ["past", "today"]
    assert expired.names == ["past"]
    assert expired.json["body"]["totalCount"] == 1


async def test_day_begins_at_midnight_in_seoul() -> None:
    """At 15:30 UTC, the next day has begun in Seoul. This applies to the current date and to the dates of a file."""
    now = dt.datetime.now(dt.UTC)
    half_past_three = now.replace(hour=15, minute=30, second=0, microsecond=0)
    today, tomorrow = half_past_three.date(), half_past_three.date() + dt.timedelta(days=1)
    dates = {"today": today.isoformat(), "tomorrow": tomorrow.isoformat()}
    certificates = [{"name": name, "expiration_date": date} for name, date in dates.items()]
    file = dated_file("file", half_past_three, half_past_three + dt.timedelta(days=2))
    async with running(*certificates, seeded("file", file)) as client:
        await client.control("/clock", {"offset_seconds": (half_past_three - now).total_seconds()})
        assert (await client.list("?status=EXPIRED")).names == ["today"]
        unexpired = await client.list()
    assert unexpired.names == ["tomorrow", "file"]
    entry = unexpired.json["body"]["data"][1]
    assert entry["fileCreationDate"] == tomorrow.isoformat()
    assert entry["expirationDate"] == (tomorrow + dt.timedelta(days=2)).isoformat()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("query", ["?status=all", "?status=Expired", "?all=TRUE"])
async def test_only_v1_0_is_case_sensitive(version: str, query: str) -> None:
    async with running("a", **ACCESS) as client:
        answer = await client.list(query, version, headers=CREDENTIALS)
    assert (answer.code == 0) is (version != "v1.0")


@pytest.mark.parametrize(
    "query",
    [
        "pageSize=0", "pageSize=-1", "pageSize=abc", "pageSize=1.5", "pageSize=%2B5",
        "pageSize=2147483648", "pageSize=%EF%BC%91", "pageNum=0", "pageNum=99999999999999999999", "all=yes",
        "status=VALID", "pageSize=1&pageSize=2", "page_size=5",
    ],
)  # fmt: skip
async def test_invalid_parameters_are_rejected_with_an_envelope(query: str) -> None:
    async with running("a") as client:
        answer = await client.list(f"?{query}")
    assert answer.status == 400
    assert answer.code == -4
    assert answer.json["body"] is None


async def test_app_keys_are_isolated() -> None:
    async with running("mine", {"name": "theirs", "app_key": "other"}) as client:
        assert (await client.list()).names == ["mine"]
        other = await client.call("GET", client.url("/certificates", app_key="other"))
        assert other.names == ["theirs"]
        assert (await client.download("theirs")).code == 52000


async def test_default_set_has_the_documented_certificates() -> None:
    async with running_default() as client:
        answer = await client.call("GET", client.url("/certificates?status=ALL&all=true", "v1.2", "certmanager-demo"))
        expired = await client.call("GET", client.url("/certificates?status=EXPIRED", "v1.2", "certmanager-demo"))
    assert answer.names == [
        "www.example.com", "*.example.com", "인증서-예시", "ec.example.com", "pkcs8.example.com",
        "encrypted.example.com", "expired.example.com", "expiring.example.com", "no-file.example.com",
        "two-files.example.com", "broken-file.example.com",
    ]  # fmt: skip
    assert expired.names == ["expired.example.com"]
    entries = {entry["certificateName"]: entry for entry in answer.json["body"]["data"]}
    assert entries["*.example.com"]["domains"] == ["*.example.com", "example.com"]
    assert entries["인증서-예시"]["domains"] == ["인증서-예시"]
    assert entries["ec.example.com"]["signatureAlgorithm"] == "SHA256withECDSA"
    assert entries["expiring.example.com"]["expirationDate"] == day(7)
    no_file = entries["no-file.example.com"]
    assert no_file["domains"] == []
    assert [no_file[field] for field in ("authority", "signatureAlgorithm", "fileCreationDate", "expirationDate")] == [
        None, None, None, None
    ]  # fmt: skip


async def test_empty_value_means_the_default() -> None:
    async with running(*NAMES) as client:
        assert (await client.list("?pageSize=&pageNum=&all=&status=")).json == (await client.list()).json


async def test_response_is_documented_json() -> None:
    """The documents state `Content-Type: application/json`, and raw text in other scripts."""
    async with running("인증서") as client:
        answer = await client.list()
    assert answer.headers["Content-Type"] == "application/json"
    assert '"인증서"'.encode() in answer.content
