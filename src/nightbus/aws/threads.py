"""Runs work on long texts in a thread, so that no single request blocks the event loop.

Python switches threads every few milliseconds, so work in a thread delays other requests by these milliseconds instead
of its whole time. Short texts, which nearly all texts are, are processed at once, because a thread would cost more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

LONG_TEXT = 64 * 1024  # characters or bytes; at most some 5 ms of work

P = ParamSpec("P")
T = TypeVar("T")


async def aside(size: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `work` and return its result, in a thread if `size` is greater than `LONG_TEXT`. Raises what `work` raises.

    `work` must not use anything that the event loop may change in between.
    """
    if size <= LONG_TEXT:
        return work(*args, **kwargs)
    return await asyncio.to_thread(work, *args, **kwargs)
