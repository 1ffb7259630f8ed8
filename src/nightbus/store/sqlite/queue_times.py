"""Says what is worked on and what is due next in the queues of a store, and moves leases when a test's clock jumps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from nightbus.aws.calls import Scope
from nightbus.store.duties import is_duty
from nightbus.store.interface import QueueName
from nightbus.store.sqlite.queue_order import Order

Orders = Mapping[QueueName, Order]


def worked_on(orders: Orders, now: int) -> dict[QueueName, int]:
    """How many items of each queue somebody has and has not put off."""
    counts = {name: order.leases.worked_on(now) for name, order in orders.items()}
    return {name: count for name, count in counts.items() if count}


def next_time(orders: Orders, waited_for: Iterable[QueueName], now: int) -> int | None:
    """When after `now` an item is due in a queue that somebody waits for."""
    waiting = [orders[name] for name in waited_for if name in orders and not is_duty(name)]
    times = [time for order in waiting if (time := order.next_time()) is not None and time > now]
    return min(times, default=None)


def to_be_woken(orders: Orders, waited_for: Iterable[QueueName], scope: Scope, now: int) -> list[QueueName]:
    """The queues whose waiters have something to do after a jump of the clock to `now`: those of `scope` that have
    an item that is due, and all others, whose waiters may have waited long enough. A duty is nobody else's."""
    names = []
    for name in waited_for:
        if is_duty(name):
            continue
        due = orders[name].next_time() if name in orders else None
        if name.scope != scope or (due is not None and due <= now):
            names.append(name)
    return names


def extend_leases(orders: Orders, scope: Scope, by_ms: int) -> None:
    """The clock went forward by `by_ms` at once: who works on an item of `scope` keeps it for as long as before."""
    for name, order in orders.items():
        if name.scope == scope:
            order.leases.extend(by_ms)
