"""The conformance cases of the clients over REST: the same calls have the same results as over gRPC."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import pytest
from google.protobuf import json_format
from google.rpc import code_pb2

from gateway.contract.methods import METHODS
from tests.clients import cases
from tests.clients.python.outcomes import differences, filled
from tests.support.rest import Rest, RestResponse, running_rest

_BY_NAME: Final = {method.full_name: method for method in METHODS}
_OTHER: Final = ("repeat_pages", "watch", "cancel_after_ms", "token", "certificate", "request_metadata")
"""Cases with these members are about client libraries, or about tokens that Envoy rejects."""


def applies(case: Mapping[str, Any]) -> bool:
    """Return whether a request over REST with the token of the sandbox can have the expected result."""
    if any(member in case for member in _OTHER) or (case.get("retries") and "before" in case):
        return False
    if case["method"].endswith("/GetSecret"):
        return case.get("listener") == "jwt"  # policy denies it to the caller with the token
    return case.get("listener", "plain") in ("plain", "jwt") and case["name"] != "get-certificate-without-name"


CASES: Final = [case for case in cases.load() if applies(case)]
pytestmark = pytest.mark.xdist_group("rest-cases")  # in this order


@pytest.fixture(scope="module")
async def rest(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rest]:
    async with running_rest(tmp_path_factory.mktemp("rest")) as running:
        yield running


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
async def test_case_has_the_expected_result(rest: Rest, case: Mapping[str, Any]) -> None:
    await rest.remove_faults()
    before = case.get("before", [])
    for step in before if isinstance(before, list) else [before]:
        await rest.control(step["control"], step["path"], step["body"])
    if "AuditService" in case["method"]:
        await rest.get_indexed("/v1/auditLogs/-/records:summarize?groupBy=AUDIT_DIMENSION_DAY")
    first = None
    for step in (case, *case.get("then", ())):
        headers = {"grpc_timeout": f"{step['deadline_ms']}m"} if "deadline_ms" in step else {}
        request = filled(step.get("request", {}), first)
        outcome = as_outcome(step["method"], await rest.call(step["method"], request, **headers))
        first = outcome["response"] if first is None else first
        assert differences(step["expect"], outcome, first) == ""


def as_outcome(method: str, response: RestResponse) -> Mapping[str, Any]:
    """Return the outcome in the form of the other clients."""
    if response.status == 200:
        message = json_format.ParseDict(response.json(), _BY_NAME[method].response())
        return {"status": "OK", "response": json_format.MessageToDict(message), "trailers": response.headers}
    failed = response.json()
    details = {detail["@type"].rpartition(".")[2]: detail for detail in failed["details"]}
    return {
        "status": code_pb2.Code.Name(failed["code"]),
        "response": {},
        "reason": details.get("ErrorInfo", {}).get("reason", ""),
        "metadata": details.get("ErrorInfo", {}).get("metadata", {}),
        "violations": [each["field"] for each in details.get("BadRequest", {}).get("fieldViolations", ())],
        "retry_info": "RetryInfo" in details,
        "trailers": response.headers,
        "text": response.text,
    }
