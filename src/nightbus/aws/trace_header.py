"""Reads and writes the header X-Amzn-Trace-Id, by which a function's own requests name the invocation they come from.

`Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1`: Root is the same for the whole trace, and
Parent is the segment of the caller. Lineage counts the invocations that led to the request, by function, so that loops
are found: https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterable, Mapping

from nightbus.aws.ids import new_hex

_LONGEST = 500
_PAIR = r"[A-Za-z][A-Za-z0-9_]{0,63}=[A-Za-z0-9:/?@!$'()*+,.~|_-]*"
_HEADER = re.compile(rf" *{_PAIR} *(?:; *{_PAIR} *)*;? *")
_PARTS = {
    "Root": re.compile(r"1-[0-9a-fA-F]{8}-[0-9a-fA-F]{24}"),
    "Parent": re.compile(r"[0-9a-fA-F]{16}"),
    "Sampled": re.compile(r"[01?]"),
}
_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?P<trace>[0-9a-f]{32})-(?P<parent>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(-.*)?"
)
_SEGMENT_DIGITS = 16
_LINEAGE = re.compile(r"([0-9a-f]{8}):(\d{1,5})")
_LINEAGE_DIGITS = 8
_MOST_IN_LINEAGE = 20  # functions, so that the header does not grow too long
_HIGHEST_COUNT = 32_767


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
    """Return the header, or "" if it does not have X-Ray's form. botocore quotes the bars in a lineage."""
    text = text.replace("%7C", "|")
    return text if text and is_trace_header(text) else ""


@functools.lru_cache(maxsize=1024)  # asked several times in an invocation's life
def segment_of(request_id: str) -> str:
    """Return the segment of an invocation, which is the beginning of its request id."""
    return request_id.replace("-", "")[:_SEGMENT_DIGITS].lower()


def parent_in(header: str) -> str:
    """Return the segment that the header has as its parent, "" without one."""
    return _fields(header).get("Parent", "")


def trace_id_of(header: str) -> int:
    """Return the id of the header's trace as OpenTelemetry's X-Ray propagator has it: Root's digits. 0 without one."""
    root = _fields(header).get("Root", "") if header else ""
    return int(root[2:].replace("-", ""), 16) if _PARTS["Root"].fullmatch(root) else 0


def new_trace(now_ms: int) -> str:
    """Return the header of a trace that begins here, for a node that exports spans."""
    return f"Root=1-{now_ms // 1000:08x}-{new_hex(24)};Sampled=1"


def of_traceparent(text: str) -> str:
    """Return W3C's `traceparent` as an X-Ray header, "" for what is none. https://www.w3.org/TR/trace-context/"""
    found = _TRACEPARENT.fullmatch(text)
    if found is None or int(found["trace"], 16) == 0 or int(found["parent"], 16) == 0:
        return ""
    sampled = int(found["flags"], 16) & 1
    return f"Root=1-{found['trace'][:8]}-{found['trace'][8:]};Parent={found['parent']};Sampled={sampled}"


def for_invocation(header: str, request_id: str, now_ms: int, function: str = "") -> str:
    """Return the header that an invocation passes on, if its own request had `header`, or "" for none.

    `function`: its ARN, by which the header's lineage counts one invocation more; by default it is left as it is.
    """
    fields = _fields(header) if header else {}
    root = fields.get("Root") or f"1-{now_ms // 1000:08x}-{new_hex(24)}"
    passed_on = f"Root={root};Parent={segment_of(request_id)};Sampled={fields.get('Sampled') or '0'}"
    lineage = fields.get("Lineage", "")
    if not lineage:
        return f"{passed_on};Lineage=1:{_lineage_name(function)}:1" if function else passed_on
    counts = _counts(lineage)
    if function:
        name = _lineage_name(function)
        counts[name] = counts.pop(name, 0) + 1
    return f"{passed_on};{_lineage(counts)}" if counts else passed_on


def invocations_before(header: str, function: str) -> int:
    """Return how often what happened before the header's request invoked the function with this ARN."""
    if "Lineage=" not in header:
        return 0
    return _counts(_fields(header).get("Lineage", "")).get(_lineage_name(function), 0)


def with_lineages(header: str, others: Iterable[str]) -> str:
    """Return the header with the highest counts of its own lineage and of those of the other headers."""
    counts: dict[str, int] = {}
    for one in (header, *others):
        if "Lineage=" in one:
            for name, count in _counts(_fields(one).get("Lineage", "")).items():
                counts[name] = max(count, counts.get(name, 0))
    return f"{without_lineage(header)};{_lineage(counts)}" if counts and header else header


def without_lineage(header: str) -> str:
    """Return the header as services pass it on that do not take part in the detection of loops, such as EventBridge."""
    if "Lineage=" not in header:
        return header
    return ";".join(part for part in header.split(";") if not part.strip().startswith("Lineage="))


def _counts(lineage: str) -> dict[str, int]:
    """`1:a87bd80c:1|68fd508a:5`: after the form's version, how often each function was invoked."""
    return {name: int(count) for name, count in _LINEAGE.findall(lineage.removeprefix("1:"))}


def _lineage(counts: Mapping[str, int]) -> str:
    newest = list(counts.items())[-_MOST_IN_LINEAGE:]
    return "Lineage=1:" + "|".join(f"{name}:{min(count, _HIGHEST_COUNT)}" for name, count in newest)


@functools.lru_cache(maxsize=4096)
def _lineage_name(function: str) -> str:
    return hashlib.sha256(function.encode()).hexdigest()[:_LINEAGE_DIGITS]


def _fields(header: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in header.split(";"))
    return {name.strip(): value.strip() for name, _, value in pairs}
