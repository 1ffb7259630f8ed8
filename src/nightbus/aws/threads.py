"""Runs work on long texts in a thread, so that no single request holds the event loop.

Python's threads take turns every few milliseconds; what a thread does delays others' requests by that, instead of by
all of its own time. Short texts, which nearly all are, are worked on at once: handing them over would cost more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

LONG_TEXT = 64 * 1024  # characters or bytes; some 5 ms of work at most

P = ParamSpec("P")
T = TypeVar("T")


async def aside(size: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `work` returns or raises, in a thread where it is about more than `LONG_TEXT`.

    `work` must not touch what the event loop may change meanwhile.
    """
    if size <= LONG_TEXT:
        return work(*args, **kwargs)
    return await asyncio.to_thread(work, *args, **kwargs)
