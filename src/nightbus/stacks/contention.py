"""Tells whether a service is only busy with another change of the same thing, and when to call it again.

Resources of one stack are made at the same time, and many of them change one function, role or bus. CloudFormation asks
again instead of failing the stack.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from nightbus.aws.errors import AwsError

_CODES = frozenset({"ConcurrentModification", "ConcurrentModificationException", "OperationAborted"})
_ATTEMPTS = 12
_FIRST_PAUSE = 0.01
_LONGEST_PAUSE = 1.0


def is_busy(error: AwsError) -> bool:
    """Lambda says it with the code that it also has for a name that is taken."""
    return error.code in _CODES or (
        error.code == "ResourceConflictException" and "update is in progress" in error.message
    )


def pauses() -> Iterator[float]:
    """Seconds before each further attempt: twice as long each time, of which chance takes up to a half."""
    for attempt in range(_ATTEMPTS):
        longest: float = min(_FIRST_PAUSE * 2**attempt, _LONGEST_PAUSE)
        yield longest * random.uniform(0.5, 1.0)  # noqa: S311 - keeps callers apart, hides nothing
