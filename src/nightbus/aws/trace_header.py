"""Reads and writes the header X-Amzn-Trace-Id, by which what a function does names the invocation that did it.

`Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1`: Root stays the same along the whole way,
Parent is the segment of the caller. https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html
"""

from __future__ import annotations

import functools
import re

from nightbus.aws.ids import new_hex

_LONGEST = 500
_PAIR = r"[A-Za-z][A-Za-z0-9_]{0,63}=[A-Za-z0-9:/?@!$'()*+,.~|_-]*"
_HEADER = re.compile(rf" *{_PAIR} *(?:; *{_PAIR} *)*;? *")
_PARTS = {
    "Root": re.compile(r"1-[0-9a-fA-F]{8}-[0-9a-fA-F]{24}"),
    "Parent": re.compile(r"[0-9a-fA-F]{16}"),
    "Sampled": re.compile(r"[01?]"),
}
_SEGMENT_DIGITS = 16


def is_trace_header(text: str) -> bool:
    """Whether this is `name=value` pairs as X-Ray writes them, with a Root, and at most 500 characters: nothing that
    could end a header."""
    if len(text) > _LONGEST or _HEADER.fullmatch(text) is None:
        return False
    fields = _fields(text)
    return "Root" in fields and all(
        shape.fullmatch(fields[name]) for name, shape in _PARTS.items() if name in fields
    )


def trace_header_or_none(text: str) -> str:
    """The header; "" where it is not X-Ray's, as if there had been none."""
    return text if text and is_trace_header(text) else ""


@functools.lru_cache(maxsize=1024)  # asked several times in an invocation's life
def segment_of(request_id: str) -> str:
    """The segment of an invocation: it begins as its request id does."""
    return request_id.replace("-", "")[:_SEGMENT_DIGITS].lower()


def parent_in(header: str) -> str:
    """The segment that a header names as its parent; "" for none."""
    return _fields(header).get("Parent", "")


def for_invocation(header: str, request_id: str, now_ms: int) -> str:
    """What an invocation passes on that was called with `header`, or without one."""
    fields = _fields(header) if header else {}
    root = fields.get("Root") or f"1-{now_ms // 1000:08x}-{new_hex(24)}"
    return f"Root={root};Parent={segment_of(request_id)};Sampled={fields.get('Sampled') or '0'}"


def _fields(header: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in header.split(";"))
    return {name.strip(): value.strip() for name, _, value in pairs}
