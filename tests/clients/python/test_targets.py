"""Addresses, as people write them."""

from typing import Any

import pytest

from keyway.targets import is_loopback, target


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        ("keyway.example.org:443", "keyway.example.org:443"),
        (["keyway.example.org:443"], "keyway.example.org:443"),
        ("dns:///keyway:50051", "dns:///keyway:50051"),
        (["10.0.0.1:1", "10.0.0.2:2"], "ipv4:10.0.0.1:1,10.0.0.2:2"),
        (["[::1]:1", "[2001:db8::1]:2"], "ipv6:[::1]:1,[2001:db8::1]:2"),
    ],
)
def test_addresses_become_a_target(addresses: Any, expected: Any) -> None:
    assert target(addresses) == expected


@pytest.mark.parametrize(
    "addresses", [[], ["one:1", "two:2"], ["10.0.0.1:1", "[::1]:1"], ["10.0.0.1:1", "two:2"], ["10.0.0.1", "10.0.0.2"]]
)
def test_addresses_that_cannot_be_combined_are_rejected(addresses: Any) -> None:
    with pytest.raises(ValueError, match="address"):
        target(addresses)


@pytest.mark.parametrize(
    ("addresses", "here"),
    [
        ("127.0.0.1:1", True),
        ("localhost:1", True),
        ("[::1]:1", True),
        ("dns:///localhost:1", True),
        ("ipv4:127.0.0.1:1,127.0.0.2:1", True),
        ("unix:/run/keyway.sock", True),
        ("keyway:1", False),
        ("localhost.example.org:1", False),
        ("10.0.0.1:1", False),
        ("[2001:db8::1]:1", False),
        ("ipv4:127.0.0.1:1,10.0.0.1:1", False),
        (["127.0.0.1:1", "10.0.0.1:1"], False),
        ("xds:///keyway", False),
        ("dns://8.8.8.8/localhost:1", False),
        ("nonsense", False),
    ],
)
def test_loopback_addresses_are_detected(addresses: Any, here: Any) -> None:
    assert is_loopback(addresses) is here
