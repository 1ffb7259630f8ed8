"""Reads and writes the header X-Amzn-Trace-Id, by which a function's own requests name the invocation they come from.

`Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1`: Root is the same for the whole trace, and
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
    """Return whether the text has X-Ray's form: `name=value` pairs with a Root, at most 500 characters, and none that
    could end a header."""
    if len(text) > _LONGEST or _HEADER.fullmatch(text) is None:
        return False
    fields = _fields(text)
    return "Root" in fields and all(
        shape.fullmatch(fields[name]) for name, shape in _PARTS.items() if name in fields
    )


def trace_header_or_none(text: str) -> str:
    """Return the header, or "" if it does not have X-Ray's form."""
    return text if text and is_trace_header(text) else ""


@functools.lru_cache(maxsize=1024)  # asked several times in an invocation's life
def segment_of(request_id: str) -> str:
    """Return the segment of an invocation, which is the beginning of its request id."""
    return request_id.replace("-", "")[:_SEGMENT_DIGITS].lower()


def parent_in(header: str) -> str:
    """Return the segment that the header has as its parent, "" without one."""
    return _fields(header).get("Parent", "")


def for_invocation(header: str, request_id: str, now_ms: int) -> str:
    """Return the header that an invocation passes on, if its own request had `header`, or "" for none."""
    fields = _fields(header) if header else {}
    root = fields.get("Root") or f"1-{now_ms // 1000:08x}-{new_hex(24)}"
    return f"Root={root};Parent={segment_of(request_id)};Sampled={fields.get('Sampled') or '0'}"


def _fields(header: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in header.split(";"))
    return {name.strip(): value.strip() for name, _, value in pairs}
