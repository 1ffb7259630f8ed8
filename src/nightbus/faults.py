"""Keeps the faults that a test has asked for, by target, until they have happened as often as they should.

Only a node for tests has any. A fault of a function strikes where the function would run (`fail`, `time_out`,
`throttle`), or where an event is handed to it (`refuse`). Every other target has one place, where it would be delivered
to, and all faults strike there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

FAIL, TIME_OUT, THROTTLE, REFUSE = "fail", "time_out", "throttle", "refuse"
KINDS = (FAIL, TIME_OUT, THROTTLE, REFUSE)
_RUNS = frozenset({FAIL, TIME_OUT, THROTTLE})
_FUNCTION_PARTS = 7  # of an ARN, without a version or an alias


@dataclass(slots=True)
class Fault:
    """`left`: how often it is still to happen, None for ever. `permanent`: what it strikes is not tried again."""

    kind: str
    code: str
    message: str
    left: int | None = None
    permanent: bool = False


class Faults:
    """Those of all accounts."""

    def __init__(self) -> None:
        self._by_target: dict[str, deque[Fault]] = {}

    def add(self, target: str, fault: Fault) -> None:
        """After those that the target has: each begins when the one before has happened as often as it should."""
        self._by_target.setdefault(_unqualified(target), deque()).append(fault)

    def clear(self, account: str) -> None:
        """Forget those of all targets of an account."""
        for arn in [one for one in self._by_target if f":{account}:" in one]:
            del self._by_target[arn]

    def strikes_delivery(self, target: str) -> bool:
        """Whether the next delivery to the target fails. It still counts as to come."""
        return self._first(target, _of_delivery(target)) is not None

    def of_delivery(self, target: str) -> Fault | None:
        """The fault that this delivery to the target has; it has happened once more then."""
        return self._happens(target, _of_delivery(target))

    def of_run(self, function: str) -> Fault | None:
        """The fault that this run of the function has; it has happened once more then."""
        return self._happens(function, _RUNS)

    def _first(self, target: str, kinds: Collection[str]) -> Fault | None:
        if not self._by_target:
            return None
        faults = self._by_target.get(_unqualified(target), ())
        return next((one for one in faults if one.kind in kinds), None)

    def _happens(self, target: str, kinds: Collection[str]) -> Fault | None:
        fault = self._first(target, kinds)
        if fault is not None and fault.left is not None:
            fault.left -= 1
            if not fault.left:
                self._by_target[_unqualified(target)].remove(fault)
        return fault

    def in_memory(self) -> dict[str, int]:
        return {"targets with faults": len(self._by_target)}


def _of_delivery(target: str) -> Collection[str]:
    return (REFUSE,) if ":lambda:" in target else KINDS


def _unqualified(target: str) -> str:
    return ":".join(target.split(":")[:_FUNCTION_PARTS]) if ":lambda:" in target else target
