"""Reads a log from its end, for lists that show what fits a question, page by page."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from nightbus.aws.calls import Scope
from nightbus.store.interface import Entry, Store

Found = TypeVar("Found")
_MOST_READ = 20_000
_STEP = 1000


async def newest(
    store: Store,
    scope: Scope,
    log: str,
    limit: int,
    shown: Callable[[Entry], Found | None],
    before: int = 0,
    since: int | None = None,
    until: int | None = None,
) -> tuple[list[Found], int]:
    """Return what `shown` makes of at most `limit` entries, the newest first; None leaves an entry out.

    Only entries before the offset `before` are read (0: all), with `since` <= time < `until` (UTC ms), and at most
    20,000, which takes some 50 ms. With them comes the offset before which to go on, 0 at the log's beginning.
    """
    found: list[Found] = []
    for _ in range(_MOST_READ // _STEP):
        entries = await store.read(
            scope, log, after=before, since=since, until=until, limit=_STEP, backwards=True
        )
        for entry in entries:
            before, one = entry.offset, shown(entry)
            if one is not None:
                found.append(one)
                if len(found) == limit:
                    return found, before
        if len(entries) < _STEP:
            return found, 0
    return found, before
