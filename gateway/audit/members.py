"""The members of an OCSF event that describe a call: actor, addresses, decisions, resources, trace.

OCSF closes its objects: a member that the schema does not name is a violation. Facts without a place in the schema are
members of `unmapped`, which is open.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import orjson

from gateway.audit.call_facts import STATED_SURFACES, CallDetails, CallSource
from gateway.authz.decision import Decision
from gateway.authz.principals import caller_id
from gateway.contract.spelling import is_nfc, nfc
from gateway.identity.caller import Caller

_USER_TYPES: Final = {
    "spiffe": "Service",
    "dns": "Service",
    "common-name": "Service",
    "jwt": "User",
    "internal": "System",
}
_USER, _SYSTEM, _SERVICE, UNKNOWN_TYPE = 1, 3, 4, 0
_USER_TYPE_IDS: Final = {"Service": _SERVICE, "System": _SYSTEM, "User": _USER}


class CallMembers(NamedTuple):
    """The serialized members that the intent and the outcome of a call share.

    mapped: members of the event. unmapped: members of its member `unmapped`. Both are without braces; unmapped may be
    empty.
    """

    mapped: bytes
    unmapped: bytes


def call_members(details: CallDetails) -> CallMembers:
    """Return the members for a call, without those for its method, request, time, and status."""
    of_actor = _of_actor if len(details.decisions) > _MAXIMUM_CACHED_DECISIONS else _cached_of_actor
    mapped, unmapped = of_actor(details.caller, details.source, tuple(details.decisions))
    if details.caller_request_id:
        observable = {"name": "x-request-id", "type": "Other", "type_id": 99, "value": details.caller_request_id}
        mapped += b',"observables":' + orjson.dumps([observable])
    if details.resources:
        mapped += b',"resources":' + _resources(details.resources)
    if details.trace_id:
        # A span of OCSF requires its end, which an intent does not know.
        mapped += b',"trace":{"uid":%b}' % orjson.dumps(details.trace_id)
        span = b'"span_uid":' + orjson.dumps(details.span_id)
        unmapped = unmapped + b"," + span if unmapped else span
    return CallMembers(mapped, unmapped)


class _ActorParts(NamedTuple):
    """The serialized members before and after the source address, and the unmapped ones."""

    before: bytes
    after: bytes
    unmapped: bytes


def _of_actor(caller: Caller, source: CallSource, decisions: tuple[Decision, ...]) -> CallMembers:
    """Return the members for the caller, the source address, and the policy decisions."""
    return _with_address(source.address, _actor_parts(caller, source[1:], decisions))


def _cached_of_actor(caller: Caller, source: CallSource, decisions: tuple[Decision, ...]) -> CallMembers:
    return _with_address(source.address, _cached_actor_parts(caller, source[1:], decisions))


def _with_address(address: str, parts: _ActorParts) -> CallMembers:
    return CallMembers(b"%b%b%b" % (parts.before, _source_endpoint(address), parts.after), parts.unmapped)


def _actor_parts(caller: Caller, claims: tuple[str, ...], decisions: tuple[Decision, ...]) -> _ActorParts:
    """Return the members. claims: the CallSource without the address."""
    user_agent, service, surface = claims
    kind = _USER_TYPES.get(caller.kind, "Unknown")
    user: dict[str, object] = {"name": caller.name or caller.kind, "uid": caller_id(caller), "type": kind}
    user["type_id"] = _USER_TYPE_IDS.get(kind, UNKNOWN_TYPE)
    if caller.issuer:
        user["domain"] = caller.issuer
    if caller.groups:
        user["groups"] = [{"name": name} for name in caller.groups]
    actor: dict[str, object] = {"user": user}
    if service:
        actor["app_name"] = service
    if decisions:
        actor["authorizations"] = [_authorization(decision) for decision in decisions]
    after: dict[str, object] = {"http_request": {"user_agent": user_agent}} if user_agent else {}
    if decisions:
        allowed = any(decision.allowed for decision in decisions)
        after |= {"action_id": 1, "action": "Allowed"} if allowed else {"action_id": 2, "action": "Denied"}
    return _ActorParts(
        _members({"actor": actor}) + b",",
        b"," + _members(after) if after else b"",
        _members({**_targets(decisions), **_surface(surface)}),
    )


# Many calls share these members. Batches are not cached, because their many names would take too much memory. Addresses
# are cached separately: their ports change with each connection, which would fill a cache with the same members.
_MAXIMUM_CACHED_DECISIONS: Final = 4
_cached_actor_parts: Final = lru_cache(maxsize=4096)(_actor_parts)


@lru_cache(maxsize=1024)
def _source_endpoint(address: str) -> bytes:
    return _members({"src_endpoint": _endpoint(address)})


def _authorization(decision: Decision) -> Mapping[str, object]:
    value: dict[str, object] = {"decision": "allow" if decision.allowed else "deny"}
    if decision.policies:
        value["policy"] = {"uid": ",".join(decision.policies)}
    return value


def _targets(decisions: Sequence[Decision]) -> Mapping[str, object]:
    """Return what each decision was about, in the order of `actor.authorizations`, whose items have no place for it."""
    if not decisions:
        return {}
    return {"authorizations": [{"action": each.action, "resource": each.resource} for each in decisions]}


def _surface(name: str) -> Mapping[str, object]:
    """Return which third-party interface the call came through, and whether only the caller says so."""
    return {"surface": {"name": name, "stated_by_caller": name in STATED_SURFACES}} if name else {}


def _endpoint(address: str) -> Mapping[str, object]:
    host, _, port = address.rpartition(":")
    return {"ip": host.strip("[]"), "port": int(port)} if host and port.isdecimal() else {"name": address}


def _resources(resources: Sequence[tuple[str, str]]) -> bytes:
    """Return the list of resources, by type and name."""
    if len(resources) == 1:
        return _single_resource(resources[0])
    return orjson.dumps([_resource(kind, name) for kind, name in resources])


@lru_cache(maxsize=1024)
def _single_resource(resource: tuple[str, str]) -> bytes:
    return orjson.dumps([_resource(*resource)])


def _resource(kind: str, name: str) -> Mapping[str, str]:
    """A resource. If its name is not in NFC, `uid_alt` is the NFC form, so that searches find every spelling."""
    resource = {"type": kind, "name": name, "uid": name}
    if not is_nfc(name):
        resource["uid_alt"] = nfc(name)
    return resource


def _members(value: Mapping[str, object]) -> bytes:
    return orjson.dumps(value)[1:-1]
