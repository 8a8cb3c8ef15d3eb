"""Outcomes of calls, and their comparison with the expectations of the cases."""

from typing import Any


def filled(value: Any, first: Any) -> Any:
    """Replace "${path}" by the value in the first response."""
    if isinstance(value, dict):
        return {key: filled(member, first) for key, member in value.items()}
    if isinstance(value, list):
        return [filled(member, first) for member in value]
    if isinstance(value, str) and value.startswith("${"):
        for part in value[2:-1].split("."):
            first = first[int(part)] if isinstance(first, list) else first[part]
        return first
    return value


def succeeded(response: Any, trailers: Any) -> Any:
    return {"status": "OK", "response": response, "trailers": dict(trailers or ())}


def failed(error: Any) -> Any:
    trailers = {"keyway-request-id": error.request_id, "keyway-audit-receipt": error.receipt}
    return {
        "status": error.code.name,
        "response": {},
        "reason": error.reason,
        "metadata": dict(error.metadata),
        "violations": [violation.field for violation in error.violations],
        "retry_info": error.retry_delay is not None,
        "trailers": {name: value for name, value in trailers.items() if value},
        "text": str(error),
    }


def differences(expected: Any, outcome: Any, first: Any) -> Any:
    """Return the first difference to the expected outcome; empty if there is none."""
    if outcome["status"] != expected["status"]:
        return f"status {outcome['status']} instead of {expected['status']}: {outcome.get('text', '')}"
    if not fits(filled(expected.get("response", {}), first), outcome["response"]):
        return f"response {outcome['response']} lacks {expected['response']}"
    missing = [name for name in expected.get("present", ()) if not outcome["response"].get(name)]
    extra = [name for name in expected.get("absent", ()) if outcome["response"].get(name)]
    unsent = [name for name in expected.get("trailers", ()) if not outcome["trailers"].get(name)]
    if missing or extra or unsent:
        return f"missing {missing}, unexpected {extra}, trailers missing {unsent}"
    for name in ("reason", "retry_info"):
        if name in expected and outcome.get(name) != expected[name]:
            return f"{name} {outcome.get(name)!r} instead of {expected[name]!r}"
    if not fits(expected.get("metadata", {}), outcome.get("metadata", {})):
        return f"metadata {outcome.get('metadata')} lack {expected['metadata']}"
    if (
        sorted(expected.get("violations", [])) != sorted(set(outcome.get("violations", [])))
        and "violations" in expected
    ):
        return f"violations {outcome.get('violations')} instead of {expected['violations']}"
    return ""


def fits(expected: Any, found: Any) -> Any:
    """Return whether all expected values are present. Protobuf JSON omits false, 0 and empty values."""
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(fits(value, found.get(key)) for key, value in expected.items())
    if isinstance(expected, list):
        return isinstance(found, list) and len(found) == len(expected) and all(map(fits, expected, found))
    return found == expected or (not expected and found is None)
