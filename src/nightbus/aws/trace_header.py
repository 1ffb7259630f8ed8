"""The header X-Amzn-Trace-Id: how does what a function does name the invocation that it did it in?

`Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1`: Root stays the same along the whole way,
Parent is the segment of the caller. https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html
"""

from __future__ import annotations

from nightbus.aws.ids import new_hex

_SEGMENT_DIGITS = 16


def segment_of(request_id: str) -> str:
    """The segment of an invocation: it begins as its request id does."""
    return request_id.replace("-", "")[:_SEGMENT_DIGITS].lower()


def parent_in(header: str) -> str:
    """The segment that a header names as its parent; "" for none."""
    return _fields(header).get("Parent", "")


def for_invocation(header: str, request_id: str, now_ms: int) -> str:
    """What an invocation passes on that was called with `header`, or without one."""
    given = _fields(header)
    root = given.get("Root") or f"1-{now_ms // 1000:08x}-{new_hex(24)}"
    return f"Root={root};Parent={segment_of(request_id)};Sampled={given.get('Sampled') or '0'}"


def _fields(header: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in header.split(";"))
    return {name.strip(): value.strip() for name, _, value in pairs}
