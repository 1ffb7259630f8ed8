"""Remembers which actions the sessions of each role asked for, on which resources, allowed or refused.

What was seen is written to a log once a day and not with every call. A call pays for one look-up in a map. A role that
asks for ever new resources (the objects of a bucket) has a pattern of them instead: beyond `_MOST_RESOURCES` of an
action what is seen is generalised, and what the pattern covers is not written again. Streams of a log group are one
pattern at once, since each environment of a function has its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import orjson

from nightbus.aws.arn import last_part
from nightbus.bounded import Bounded
from nightbus.clock import Clock
from nightbus.identity.audit import NEEDS
from nightbus.identity.principals import ROLE
from nightbus.policies.request import Need
from nightbus.store.interface import SYSTEM, Append, Store, Touched

_MOST_ROLES = 1_000
_MOST_RESOURCES = 12
_MOST_PASSED = 100  # pairs of a role and the service that gets it
_PASS_ROLE = "iam:PassRole"  # noqa: S105
_DAY_MS = 24 * 3600 * 1000
_STREAM = ":log-stream:"
_SEPARATORS = re.compile(r"[/:._-]")


class Seen(NamedTuple):
    """What a role asked for. `resource` is an ARN, a pattern of ARNs, or `*`.

    `passed_to` is the service that got a role, "" for other actions.
    """

    action: str
    resource: str
    passed_to: str = ""


class SeenNeeds:
    """What was seen since the node's start, by role: each action's resources, with the day on which they were noted.

    A role that was changed or deleted is forgotten, so what it asks for next is written again.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._clock = clock
        self._roles: Bounded[str, dict[str, dict[str, int]]] = Bounded(_MOST_ROLES)
        self.waiting: list[Append] = []
        store.watch(self._touched, [ROLE])

    def in_memory(self) -> dict[str, int]:
        return {"roles seen": len(self._roles)}

    def see(self, role: str, needs: Iterable[Need]) -> bool:
        """Note what a session of the role asks for; return whether something is to be written."""
        actions = self._roles.get(role)
        if actions is None:
            actions = self._roles[role] = {}
        today = self._clock.now_ms() // _DAY_MS
        new = False
        for need in needs:
            days = actions.get(need.action)
            if days is None:
                days = actions[need.action] = {}
            if need.action == _PASS_ROLE:
                new |= self._take_passed(role, need, days, today)
            else:
                asked = need.resource
                if _STREAM in asked:
                    asked = f"{asked.partition(_STREAM)[0]}:*"
                if days.get(asked) != today:
                    new |= self._take(role, need.action, asked, days, today)
        return new

    def _take(self, role: str, action: str, asked: str, days: dict[str, int], today: int) -> bool:
        resource = next((one for one in days if one[-1] == "*" and asked.startswith(one[:-1])), "")
        if not resource:
            resource = asked
            if resource not in days and len(days) >= _MOST_RESOURCES:
                resource = generalised([*days, resource])
                days.clear()
        if days.get(resource) == today:
            return False
        days[resource] = today
        text = orjson.dumps([action, resource])
        self.waiting.append(Append(SYSTEM, NEEDS, self._clock.now_ms(), text, role))
        return True

    def _take_passed(self, role: str, need: Need, days: dict[str, int], today: int) -> bool:
        """A role is passed to one service or another, which the statement says: each pair is noted by itself."""
        service = need.keys.get("iam:passedtoservice", "")
        pair = f"{need.resource} {service}"
        if days.get(pair) == today or len(days) >= _MOST_PASSED:
            return False
        days[pair] = today
        text = orjson.dumps([need.action, need.resource, service])
        self.waiting.append(Append(SYSTEM, NEEDS, self._clock.now_ms(), text, role))
        return True

    def _touched(self, touched: Touched | None) -> None:
        if touched is None:
            self._roles.clear()
            return
        names = {(scope.account, key) for scope, _, key in touched.records}
        for role in [one for one in self._roles if (one.split(":")[4], last_part(one).lower()) in names]:
            del self._roles[role]


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
    entries = await store.read(SYSTEM, NEEDS, key=role, limit=100_000)
    return sorted({Seen(*orjson.loads(entry.data)) for entry in entries})
