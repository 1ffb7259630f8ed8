"""Reads what was recorded since a trail delivered the last time, for its files and for its log group."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from nightbus.aws.calls import Scope
from nightbus.identity.audit import TRAIL
from nightbus.services.cloudtrail.log_ends import since_of
from nightbus.services.context import Platform
from nightbus.store.interface import Entry

_MOST_RECORDS = 5000  # at a time, and in one file


async def unread_records(
    platform: Platform, account: str, region: str, positions: Mapping[str, int], started: int
) -> AsyncIterator[Sequence[Entry]]:
    """Yield records of the account after the region's position, those of `started` (UTC ms) and later, in batches.

    Whoever has delivered a batch moves the position to its end, and whoever could not leaves the loop.
    """
    while entries := await platform.store.read(
        Scope(account, region),
        TRAIL,
        after=positions.get(region, 0),
        since=since_of(positions, region, started),
        limit=_MOST_RECORDS,
    ):
        yield entries
