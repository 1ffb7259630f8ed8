"""Decides whether a call failed because of a concurrent change of the same thing, and when to repeat it. Pure.

Resources of one stack are made concurrently, and several of them may change one function, role or bus. CloudFormation
repeats such a call instead of failing the stack.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from nightbus.aws.errors import AwsError

_CODES = frozenset({"ConcurrentModification", "ConcurrentModificationException", "OperationAborted"})
_ATTEMPTS = 12
_FIRST_PAUSE = 0.01
_LONGEST_PAUSE = 1.0


def is_contended(error: AwsError) -> bool:
    """Return whether the error is a conflict with another change.

    Lambda uses the same code for a name that is taken, and for a function whose creation or update is in progress.
    """
    return error.code in _CODES or (
        error.code == "ResourceConflictException" and "cannot be performed at this time" in error.message
    )


def pauses() -> Iterator[float]:
    """Yield the seconds before each further attempt.

    They double each time, and are reduced at random by up to a half.
    """
    for attempt in range(_ATTEMPTS):
        longest: float = min(_FIRST_PAUSE * 2**attempt, _LONGEST_PAUSE)
        yield longest * random.uniform(0.5, 1.0)  # noqa: S311 - keeps callers apart, hides nothing
