"""Retries a read-modify-write while others change the same records.

It reads a record, decides, and commits with the revision that it read. Where another commit came between, the store
raises Conflict and has written nothing; then the whole attempt runs again, beginning with its reads. Of all attempts
at one record one succeeds each time, so no update is lost. Callers of a store that writes in groups may keep time with
each other, so that the same one is late each time: who has lost often waits for a random moment between attempts.

What an attempt decides (that something exists already, that a limit is reached) it decides from what it has just read.
So a Conflict needs no error of its own: an attempt that creates with `expect=0` finds the record the next time.

Every operation handler runs in this way (`nightbus.node.operations`); workers and what runs inside a handler that
cannot begin again, such as one that has consumed its body, name it themselves.
"""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

from nightbus.store.interface import Conflict

_OFTEN = 10
_LONGEST_PAUSE = 0.01  # seconds, some commits
MOST_ATTEMPTS = 200  # who loses that often has as many others beside it, and should hear of it

P = ParamSpec("P")
T = TypeVar("T")


class Contended(Exception):
    """`MOST_ATTEMPTS` attempts at a change came to nothing, since each time another commit was faster, or since the
    commit expects of a record what it never is."""

    def __init__(self, conflict: Conflict) -> None:
        super().__init__(
            f"{conflict.kind} {conflict.key!r} was never at the revision that {MOST_ATTEMPTS} commits expected: "
            "others change it all the time, or the commit contradicts itself"
        )
        self.key = conflict.key


def retries_on_conflict(attempt: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """Run `attempt` again, with the same arguments, as long as it raises Conflict.

    The attempt must read by itself all that it decides by, leave its arguments as they are, and have no effect outside
    the store before its commit. Raises Contended.
    """

    @functools.wraps(attempt)
    async def retrying(*args: P.args, **kwargs: P.kwargs) -> T:
        for number in range(MOST_ATTEMPTS):
            if number >= _OFTEN:
                await asyncio.sleep(random.random() * _LONGEST_PAUSE)  # noqa: S311 - not a secret
            try:
                return await attempt(*args, **kwargs)
            except Conflict as conflict:
                lost = conflict
        raise Contended(lost)

    return retrying
