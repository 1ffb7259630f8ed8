"""Finds where the audit trail ends now: what a trail delivers begins there.

An offset and not a time says it, since a clock that is set back gives records times from before.
"""

from __future__ import annotations

from collections.abc import Mapping

from nightbus.aws.calls import Scope
from nightbus.identity.audit import TRAIL
from nightbus.services.context import Platform


async def ends_of(platform: Platform, account: str) -> dict[str, int]:
    """Return the offset of the newest record of each Region that has any, what waits to be written included."""
    if platform.trail is not None:
        await platform.trail.written()
    scopes = [one for one in await platform.store.log_scopes() if one.account == account]
    ends = {scope.region: await _end_of(platform, scope) for scope in scopes}
    return {region: end for region, end in ends.items() if end}


async def _end_of(platform: Platform, scope: Scope) -> int:
    newest = await platform.store.read(scope, TRAIL, limit=1, backwards=True)
    return newest[0].offset if newest else 0


def since_of(positions: Mapping[str, int], region: str, since: int) -> int | None:
    """Return the time (UTC ms) from which on records count: only where no position of the Region is known."""
    return None if region in positions else since
