"""Makes a node one of several on a store that they share: its clock, what it says of itself, and how busy it is."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

from nightbus.clock import Clock, SystemClock
from nightbus.counters import Counters
from nightbus.delivery.rates import Rates
from nightbus.functions.pool.concurrency import RunningInvocations
from nightbus.services.context import Platform
from nightbus.store.shared_limits import SharedRates, SharedSlots

_ID_NAME = "node.id"
_NO_ITEMS = frozenset({"commits", "looks at queues"})  # of `under_way`


def real_clock(shared: bool) -> Clock:
    """The nodes of one store agree on the time, which is the database's: heartbeats keep the clock to it."""
    if not shared:
        return SystemClock()
    from nightbus.store.postgres.clock import ClusterClock

    return ClusterClock(SystemClock())


def home_of(folder: Path) -> str:
    """Return what tells this folder on this machine from all others, so that a node that starts again in it is known.

    A copy of the folder elsewhere is another home. Empty where nothing can be written.
    """
    file = folder / _ID_NAME
    with contextlib.suppress(OSError):
        if not file.exists():
            file.write_text(f"{secrets.token_hex(16)}\n")
        says = f"{file.read_text()} {socket.gethostname()} {folder.resolve()} {_boot_id()}"
        return hashlib.sha256(says.encode()).hexdigest()[:32]
    return ""


def _boot_id() -> str:
    """Of this start of the machine: a copy of a whole machine has another one."""
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text()
    return ""


def share_limits(
    platform: Platform, rates: Rates, slots: SharedSlots | None, shared_rates: SharedRates | None
) -> None:
    """Keep the limits on invocations, calls and requests with the nodes that share the store, if there are any."""
    platform.running.slots = platform.lookups.slots = slots
    rates.shared = shared_rates


class NodeLoad:
    """How busy the node is, asked at each heartbeat. Rates are of the time since it was asked before."""

    def __init__(
        self,
        under_way: Callable[[], Mapping[str, int]],
        clock: Clock,
        counters: Counters,
        running: RunningInvocations,
    ) -> None:
        self._under_way = under_way
        self._clock = clock
        self._counters = counters
        self._running = running
        self._before = (clock.monotonic(), counters.requests, counters.events.accepted)

    def __call__(self) -> Mapping[str, float]:
        before, now = self._before, self._clock.monotonic()
        self._before = (now, self._counters.requests, self._counters.events.accepted)
        seconds = max(0.001, now - before[0])
        return {
            "requests_per_second": round((self._before[1] - before[1]) / seconds, 1),
            "events_per_second": round((self._before[2] - before[2]) / seconds, 1),
            "jobs": sum(count for name, count in self._under_way().items() if name not in _NO_ITEMS),
            "invocations": self._running.count,
            "cpu_seconds": round(sum(os.times()[:2]), 1),
        }
