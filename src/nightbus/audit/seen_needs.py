"""Remembers which actions the sessions of each role asked for, on which resources, allowed or refused.

What was seen is written to a log once a day and not with every call. A call pays for one look-up in a map. A role that
asks for ever new resources (the objects of a bucket) has a pattern of them instead: beyond `_MOST_RESOURCES` of an
action what is seen is generalised, and what the pattern covers is not written again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import orjson

from nightbus.bounded import Bounded
from nightbus.clock import Clock
from nightbus.policies.request import Need
from nightbus.store.interface import SYSTEM, Append, Store

SEEN = "audit/needs"  # by the role's ARN
_MOST_KNOWN = 20_000
_MOST_ACTIONS = 5_000
_MOST_RESOURCES = 12
_DAY_MS = 24 * 3600 * 1000
_SEPARATORS = re.compile(r"[/:._-]")


class Seen(NamedTuple):
    """What a role asked for. `resource` is an ARN, a pattern of ARNs, or `*`."""

    action: str
    resource: str


class SeenNeeds:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: Bounded[tuple[str, str, str], int] = Bounded(_MOST_KNOWN)
        self._resources: Bounded[tuple[str, str], list[str]] = Bounded(_MOST_ACTIONS)
        self.waiting: list[Append] = []

    def in_memory(self) -> dict[str, int]:
        return {"needs seen": len(self._known), "actions seen": len(self._resources)}

    def see(self, role: str, needs: Iterable[Need]) -> bool:
        """Note what a session of the role asks for; return whether something is to be written."""
        today = self._clock.now_ms() // _DAY_MS
        new = False
        for need in needs:
            key = (role, need.action, need.resource)
            if self._known.get(key) != today:
                new |= self._take(key, today)
        return new

    def _take(self, key: tuple[str, str, str], today: int) -> bool:
        role, action, resource = key
        seen = self._resources.get((role, action))
        if seen is None:
            seen = self._resources[role, action] = []
        if len(seen) == 1 and seen[0].endswith("*") and resource.startswith(seen[0][:-1]):
            resource = seen[0]
            key = (role, action, resource)
            if self._known.get(key) == today:
                return False
        elif resource not in seen:
            seen.append(resource)
            if len(seen) > _MOST_RESOURCES:
                resource = generalised(seen)
                seen[:] = [resource]
                key = (role, action, resource)
        self._known[key] = today
        self.waiting.append(
            Append(SYSTEM, SEEN, self._clock.now_ms(), orjson.dumps([action, resource]), role)
        )
        return True


def generalised(resources: Sequence[str]) -> str:
    """Return a pattern of all resources: what they have in common up to a separator, and `*`."""
    first, last = min(resources), max(resources)
    length = next(
        (at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other),
        min(len(first), len(last)),
    )
    ends = [match.end() for match in _SEPARATORS.finditer(first[:length])]
    common = first[: ends[-1]] if ends else ""
    return f"{common}*" if common.count(":") >= 5 else "*"


async def seen_of(store: Store, role: str) -> list[Seen]:
    """Return what sessions of the role were seen to ask for, sorted, each once."""
    entries = await store.read(SYSTEM, SEEN, key=role, limit=100_000)
    return sorted({Seen(*orjson.loads(entry.data)) for entry in entries})
