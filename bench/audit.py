"""What does the audit trail cost a call, and how long does its retention take after a flood of calls?

In process and by processor time: without a trail, with the trail, and with one that records data events too. Then a log
of so many records is trimmed to 256 MB, while a task of the same loop measures how long it is held up.

Run: python bench/audit.py [--records 400000]
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from bus_rig import ENDPOINT, SCOPE, Rig, rig
from nightbus.audit.trail import Trail
from nightbus.aws.calls import Call, Caller
from nightbus.delivery.retention import Retention
from nightbus.identity.audit import TRAIL
from nightbus.services.cloudtrail.trimming import trim
from nightbus.store.interface import Append

CALL = Call(SCOPE, Caller.root(SCOPE.account), ENDPOINT)
TOPIC = f"arn:aws:sns:{SCOPE.region}:{SCOPE.account}:t"
ENTRY = {"Source": "bench", "DetailType": "t", "Detail": "{}"}
OPERATIONS: list[tuple[str, str, Mapping[str, Any]]] = [
    ("events", "PutEvents", {"Entries": [ENTRY]}),
    ("sns", "GetTopicAttributes", {"TopicArn": TOPIC}),
    ("sns", "SetTopicAttributes", {"TopicArn": TOPIC, "AttributeName": "DisplayName", "AttributeValue": "x"}),
]
ROUNDS, CALLS = 9, 1000
RECORD_BYTES = 900


async def microseconds(node: Rig, service: str, operation: str, params: Mapping[str, Any]) -> float:
    """Processor time of one call, with its share of writing the records."""
    began = time.process_time()
    for _ in range(CALLS):
        await node.operations.call(service, operation, params, CALL)
    if node.platform.trail is not None:
        await node.platform.trail.written()
    return (time.process_time() - began) / CALLS * 1e6


async def costs(folder: Path) -> None:
    """Take turns, so that what else the machine does falls on all alike."""
    async with rig(folder) as node:
        await node.operations.call("sns", "CreateTopic", {"Name": "t"}, CALL)
        without = node.platform
        router, sink = without.router, without.log_sink
        trails = [Trail(node.store, node.clock, router, sink, data_events) for data_events in (False, True)]
        platforms = [without, *(dataclasses.replace(without, trail=one, quotas=False) for one in trails)]
        times: dict[tuple[str, int], list[float]] = {}
        for _ in range(ROUNDS):
            for service, operation, params in OPERATIONS:
                for at, platform in enumerate(platforms):
                    node.platform = platform
                    node.operations.attach(platform)
                    took = await microseconds(node, service, operation, params)
                    times.setdefault((operation, at), []).append(took)
        print(f"{'operation':<22}{'no trail':>10}{'trail':>10}{'and data events':>18}   µs")
        for _, operation, _ in OPERATIONS:
            figures = [statistics.median(times[operation, at]) for at in range(3)]
            print(f"{operation:<22}{figures[0]:>10.0f}{figures[1]:>10.0f}{figures[2]:>18.0f}")
        trail = trails[0]
        began = time.process_time()
        for _ in range(100_000):
            await trail.records_data(SCOPE, "events")
        print(f"whether a data call is recorded: {(time.process_time() - began) * 10:.2f} µs")
        for one in trails:
            await one.close()


async def retention(folder: Path, records: int) -> None:
    async with rig(folder) as node:
        data, now = b'{"x":"%s"}' % (b"x" * RECORD_BYTES), node.clock.now_ms()
        began = time.perf_counter()
        for first in range(0, records, 1000):
            times = (now - (records - first - at) for at in range(min(1000, records - first)))
            await node.store.commit(*(Append(SCOPE, TRAIL, moment, data) for moment in times))
        print(f"{records} records of {len(data)} bytes written in {time.perf_counter() - began:.1f} s")
        watch = asyncio.create_task(longest_hold())
        await asyncio.sleep(0)
        began = time.perf_counter()
        await trim(node.store, Retention(90 * 24, 256), now)
        took = time.perf_counter() - began
        watch.cancel()
        held = (await asyncio.gather(watch, return_exceptions=True))[0]
        left = sum((await node.store.log_sizes(SCOPE, TRAIL, 60_000)).values()) / 1024 / 1024
        print(f"trimmed to {left:.0f} MB in {took:.2f} s; the loop was held for {held} ms at most")


async def longest_hold() -> float:
    longest, before = 0.0, time.perf_counter()
    try:
        while True:
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            longest, before = max(longest, now - before - 0.001), now
    except asyncio.CancelledError:
        return round(longest * 1000, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=400_000)
    records = parser.parse_args().records
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(costs(Path(folder) / "costs"))
        asyncio.run(retention(Path(folder) / "retention", records))


if __name__ == "__main__":
    main()
