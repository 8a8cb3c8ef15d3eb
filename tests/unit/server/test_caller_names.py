"""The limit of the certificates that one caller watches by name."""

import pytest

from gateway.errors import CALLER_RATE_LIMITED, GatewayError
from gateway.identity.caller import ANONYMOUS, Caller
from gateway.server.caller_names import CallerNames

SHOP, BANK = Caller("spiffe://example.org/shop", "spiffe"), Caller("spiffe://example.org/bank", "spiffe")


def test_names_of_all_streams_of_a_caller_are_limited() -> None:
    names = CallerNames(3)
    end = names.add(SHOP, ["a", "b"])
    with pytest.raises(
        GatewayError, match="names: the caller watches 4 certificates by name, and the maximum is 3"
    ) as caught:
        names.add(SHOP, ["c", "d"])
    assert caught.value.kind is CALLER_RATE_LIMITED
    names.add(BANK, ["c", "d"])
    end()
    end()
    names.add(SHOP, ["c", "d"])
    with pytest.raises(GatewayError):
        names.add(SHOP, ["a", "b"])


def test_same_name_counts_once() -> None:
    names = CallerNames(2)
    ends = [names.add(SHOP, ["a", "b"]) for _ in range(10)]
    for end in ends[1:]:
        end()
    with pytest.raises(GatewayError):
        names.add(SHOP, ["c"])
    ends[0]()
    names.add(SHOP, ["c"])


def test_anonymous_callers_share_no_limit() -> None:
    names = CallerNames(1)
    names.add(ANONYMOUS, ["a", "b"])
