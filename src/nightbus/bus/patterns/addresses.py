"""Parses IP addresses and CIDR blocks, and decides whether a block contains an address."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv6Address

V4_CHARS = frozenset("0123456789.")
V6_CHARS = frozenset("0123456789abcdefABCDEF:")
LONGEST_INTEGER = 10


@dataclass(frozen=True, slots=True)
class Address:
    bits: int  # 32 or 128
    value: int


@dataclass(frozen=True, slots=True)
class Block:
    bits: int
    first: int
    last: int

    def holds(self, address: Address) -> bool:
        return address.bits == self.bits and self.first <= address.value <= self.last


def looks_like_address(text: str) -> bool:
    if V4_CHARS.issuperset(text):
        parts = text.split(".")
        return len(parts) == 4 and all(parts)
    return ":" in text and V6_CHARS.issuperset(text)


def parse_address(text: str) -> Address | None:
    """Parse an address. Leading zeros are decimal, as in Java. An IPv6 address never equals the v4 one that it maps."""
    if not looks_like_address(text):
        return None
    if ":" in text:
        try:
            return Address(128, int(IPv6Address(text)))
        except ValueError:
            return None
    octets = [int(part) if len(part) <= LONGEST_INTEGER else 256 for part in text.split(".")]
    if max(octets) > 255:
        return None
    return Address(32, int.from_bytes(bytes(octets)))


def parse_block(text: str) -> Block | str:
    """Parse a block. Returns AWS's reason if it is invalid."""
    # As in Java's `split`, empty parts at the end do not count.
    parts = text.rstrip("/").split("/") if text.strip("/") else []
    if len(parts) != 2:
        return "Malformed CIDR, one '/' required"
    mask = _java_integer(parts[1])
    if mask is None:
        return "Malformed CIDR, mask bits must be an integer"
    if mask < 0:
        return "Malformed CIDR, mask bits must not be negative"
    address = parse_address(parts[0])
    if address is None:
        standard = looks_like_address(parts[0])
        return f"{'Invalid' if standard else 'Nonstandard'} IP address: {parts[0]}"
    if mask >= address.bits:
        return f"IPv{4 if address.bits == 32 else 6} mask bits must be < {address.bits}"
    size = 1 << (address.bits - mask)
    first = address.value - address.value % size
    return Block(address.bits, first, first + size - 1)


def _java_integer(text: str) -> int | None:
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not digits or not digits.isascii() or not digits.isdigit():
        return None
    digits = digits.lstrip("0") or "0"
    if len(digits) > LONGEST_INTEGER:
        return None
    value = -int(digits) if text[0] == "-" else int(digits)
    return value if -(2**31) <= value < 2**31 else None
