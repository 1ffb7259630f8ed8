"""Forgets once an hour what has ended and what nobody deletes: unattended duties, and the console's sessions."""

from __future__ import annotations

from nightbus.clock import Clock
from nightbus.identity.console_sessions import forget_ended
from nightbus.store.duties import forget_unattended
from nightbus.store.interface import Store

_EVERY_SECONDS = 3600.0


async def forget_hourly(store: Store, clock: Clock) -> None:
    """A duty. Duties are forgotten that nobody had, or waited for, at two looks an hour apart."""
    unattended: set[str] = set()
    while True:
        await clock.sleep(_EVERY_SECONDS)
        await forget_ended(store, clock)
        unattended = await forget_unattended(store, clock, unattended)
