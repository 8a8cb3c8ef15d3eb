"""Where a gateway is: addresses as people write them, and as gRPC wants them."""

import ipaddress
import re
from collections.abc import Sequence
from typing import Final

_ADDRESS: Final = re.compile(r"(?:(?P<host>[^\[\]:/]+)|\[(?P<ipv6>[^\[\]]+)\]):(?P<port>[0-9]{1,5})")
_LOCAL_SCHEMES: Final = ("unix:", "unix-abstract:")


def target(addresses: str | Sequence[str]) -> str:
    """gRPC's name for one address, or for several that are tried in turn.

    HOST:PORT, `dns:///HOST:PORT`, or any other of gRPC's own names. Several: IP addresses, all of one version.
    """
    several = [addresses] if isinstance(addresses, str) else list(addresses)
    if not several:
        raise ValueError("no address")
    if len(several) == 1:
        return several[0]
    versions = {_version(address) for address in several}
    if len(versions) != 1:
        raise ValueError("several addresses have to be IP addresses of one version; or give one DNS name of them all")
    return f"ipv{versions.pop()}:{','.join(several)}"


def is_loopback(addresses: str | Sequence[str]) -> bool:
    """Whether what is sent there never leaves this machine."""
    several = [addresses] if isinstance(addresses, str) else addresses
    return all(_stays_here(address) for address in several)


def _stays_here(address: str) -> bool:
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
        raise ValueError(
            "several addresses have to be IP addresses of one version; or give one DNS name of them all"
        ) from None


def _host(address: str) -> str:
    parts = _ADDRESS.fullmatch(address)
    return (parts["host"] or parts["ipv6"]) if parts else ""
