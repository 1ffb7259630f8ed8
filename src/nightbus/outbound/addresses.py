"""Judges the addresses that the node connects to for its users.

A user's URL names a host, which a resolver turns into addresses, in whatever spelling (`2852039166`, `0xa9fea9fe`,
`metadata.google.internal`). What counts is the address that is connected to: those of link-local networks, which hold
the credentials of a cloud's machine, are never reached.
Source: the clouds' own pages on their metadata services; RFC 6890 for special addresses.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address

_METADATA = frozenset(
    ip_address(text)
    for text in (
        "100.100.100.200",  # Alibaba Cloud
        "168.63.129.16",  # Azure
        "192.0.0.192",  # Oracle Cloud
        "fd00:ec2::254",  # AWS
        "fd20:ce::254",  # Google Cloud
    )
)
_AWS_LOCAL_SERVICES = ip_network("fd00:ec2::/32")
_NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
_COMPATIBLE = IPv6Network("::/96")


def is_forbidden(text: str) -> bool:
    """Whether the node connects to this address for nobody: link-local, multicast, or a cloud's metadata service."""
    return any(_is_forbidden(address) for address in _meanings(text))


def is_nearby(text: str) -> bool:
    """Whether this is a loopback or private address, and not a forbidden one."""
    address = _meanings(text)[-1]
    return not is_forbidden(text) and (address.is_loopback or address.is_private)


def _is_forbidden(address: Address) -> bool:
    return (
        address.is_link_local
        or address.is_multicast
        or address in _METADATA
        or (isinstance(address, IPv6Address) and address in _AWS_LOCAL_SERVICES)
    )


def _meanings(text: str) -> list[Address]:
    """The address, and the IPv4 address within it: mapped, compatible, 6to4, Teredo, or translated by NAT64."""
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv4Address):
        return [address]
    inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if any(address in network for network in (*_NAT64, _COMPATIBLE)) and int(address) > 1:
        inner.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return [address, *(one for one in inner if one is not None)]
