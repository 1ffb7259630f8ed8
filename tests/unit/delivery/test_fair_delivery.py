"""Targets that hang, by the dispatcher over a real store: everything else arrives meanwhile, and nothing is lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from delivery_rig import FUNCTION, HERE, Services, event, open_store, put, put_rule, router_over, until
from nightbus.aws.calls import Scope
from nightbus.clock import SystemClock
from nightbus.delivery.dispatcher import Dispatcher
from nightbus.delivery.forwarding.process import ForwardingProcess
from nightbus.delivery.jobs import Delivered, Outcome
from nightbus.delivery.rates import Rates
from nightbus.delivery.rule_origin import QUEUE
from nightbus.messaging.queues import Queues
from nightbus.store.interface import SYSTEM

HANGING = 50
EVENTS = 30
DESTINATION = "arn:aws:events:eu-west-1:111111111111:api-destination"


class Endpoints:
    """The other side of `Invoker`: destinations named hang-* answer once `released` is set, the others at once."""

    def __init__(self) -> None:
        self.released = asyncio.Event()
        self.running = Counter[str]()
        self.most = 0
        self.ended = 0  # of those that hang
        self.order: dict[str, list[str]] = {}

    async def invoke(
        self, scope: Scope, arn: str, who: str, given: Mapping[str, Any], input_text: str, rates: Rates
    ) -> Outcome:
        self.order.setdefault(arn, []).append(who)
        self.running[arn] += 1
        self.most = max(self.most, self.running.total())
        if "/hang-" in arn:
            await self.released.wait()
            self.ended += 1
        self.running[arn] -= 1
        return Delivered()

    def reached(self, name: str) -> int:
        return len(self.order.get(f"{DESTINATION}/{name}/1", ()))


async def test_hanging_targets_delay_nobody_else_and_lose_nothing(tmp_path: Path) -> None:
    clock = SystemClock()
    store, services, endpoints = open_store(tmp_path, clock), Services(), Endpoints()
    router = router_over(store, clock)
    for number in range(HANGING):
        target = {"Id": "t", "Arn": f"{DESTINATION}/hang-{number}/1"}
        await put_rule(store, f"hang-{number}", pattern='{"source": ["slow"]}', targets=[target])
    quick = [{"Id": "f", "Arn": FUNCTION}, {"Id": "d", "Arn": f"{DESTINATION}/quick/1"}]
    await put_rule(store, "quick", targets=quick)
    dispatcher = Dispatcher(
        store,
        clock,
        services,
        "http://node",
        Queues(store, clock),
        ForwardingProcess({}),
        endpoints,
        router,
    )
    worker = asyncio.create_task(dispatcher.run())
    try:
        await put(router, HERE, "default", [event(f"s{number}", "slow") for number in range(EVENTS)])
        await until(lambda: len(endpoints.order) == HANGING)
        for number in range(100):
            await put(router, HERE, "default", [event(f"q{number}", n=number)])
        await until(lambda: len(services.calls) == 100 and endpoints.reached("quick") == 100, 60)
        assert endpoints.most <= 256
        assert not endpoints.ended
        assert len(set(+endpoints.running)) == HANGING  # and none of them is kept out by the others
        endpoints.released.set()
        await until(lambda: sum(map(len, endpoints.order.values())) == HANGING * EVENTS + 100, 60)
        await until(lambda: not endpoints.running.total())
    finally:
        await dispatcher.close()
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)
    assert sum(await store.count(SYSTEM, QUEUE)) == 0
    for arn, reached in endpoints.order.items():
        if "/hang-" in arn:  # each event once
            assert len(set(reached)) == EVENTS == len(reached)
    await store.close()
