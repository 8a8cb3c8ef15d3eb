"""Gateway addresses: conversion to gRPC targets, and detection of loopback addresses."""

import ipaddress
import re
from collections.abc import Sequence
from typing import Final

_ADDRESS: Final = re.compile(r"(?:(?P<host>[^\[\]:/]+)|\[(?P<ipv6>[^\[\]]+)\]):(?P<port>[0-9]{1,5})")
_LOCAL_SCHEMES: Final = ("unix:", "unix-abstract:")
_NOT_COMBINABLE: Final = (
    "several addresses must be IP addresses of the same version; alternatively, use one DNS name that resolves to all"
)


def target(addresses: str | Sequence[str]) -> str:
    """Return the gRPC target for one address, or for several that take turns.

    One address: HOST:PORT, `dns:///HOST:PORT`, or another gRPC target. Several: IP addresses of the same version.
    """
    several = [addresses] if isinstance(addresses, str) else list(addresses)
    if not several:
        raise ValueError("the list of addresses is empty")
    if len(several) == 1:
        return several[0]
    versions = {_version(address) for address in several}
    if len(versions) != 1:
        raise ValueError(_NOT_COMBINABLE)
    return f"ipv{versions.pop()}:{','.join(several)}"


def is_loopback(addresses: str | Sequence[str]) -> bool:
    """Return whether traffic to all addresses stays on this machine."""
    several = [addresses] if isinstance(addresses, str) else addresses
    return all(_is_local(address) for address in several)


def host_and_port(address: str) -> tuple[str, int] | None:
    """Return the host and the port of HOST:PORT or `dns:///HOST:PORT`; None for other gRPC targets."""
    parts = _ADDRESS.fullmatch(address.removeprefix("dns:///"))
    return (parts["host"] or parts["ipv6"], int(parts["port"])) if parts else None


def _is_local(address: str) -> bool:
    if address.startswith(_LOCAL_SCHEMES):
        return True
    plain = re.sub(r"^(dns:///|dns:|ipv4:|ipv6:)", "", address)
    hosts = [_host(part) for part in plain.split(",")]
    return all(host == "localhost" or _is_loopback_ip(host) for host in hosts)


def _is_loopback_ip(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _version(address: str) -> int:
    try:
        return ipaddress.ip_address(_host(address)).version
    except ValueError:
        raise ValueError(_NOT_COMBINABLE) from None


def _host(address: str) -> str:
    parts = _ADDRESS.fullmatch(address)
    return (parts["host"] or parts["ipv6"]) if parts else ""
