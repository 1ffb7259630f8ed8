"""Tests the course of the node's numbers that charts show."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import Mock

from nightbus.clock import VirtualClock
from nightbus.console.api.application import Api
from nightbus.console.api.graphs import samples_of
from nightbus.console.mount import Console
from nightbus.console.samples import STEP_SECONDS, Samples
from nightbus.counters import Counters
from nightbus.functions.pool.concurrency import RunningInvocations
from nightbus.node.node import Node

ACCEPTED = "nightbus_events_accepted_total"


def _node() -> Any:
    running = SimpleNamespace(running=RunningInvocations())
    ending = asyncio.Event()
    return SimpleNamespace(clock=VirtualClock(), counters=Counters(), platform=running, ending=ending)


async def test_counters_grow_and_gauges_are_as_they_are() -> None:
    node = _node()
    samples = Samples(cast(Node, node))
    for accepted in (3, 3, 10):
        await node.clock.advance(STEP_SECONDS)
        node.counters.events.accepted = accepted
        samples.take()
    series = samples.series(ACCEPTED, 3600)
    assert series is not None
    assert series.values == [3, 0, 7]
    recent = samples.series(ACCEPTED, STEP_SECONDS)
    assert recent is not None
    assert recent.values == [0, 7]
    running = samples.series("nightbus_invocations_running", 3600)
    assert running is not None
    assert running.values == [0, 0, 0, 0]
    assert samples.series("none", 3600) is None
    node.ending.set()


async def test_an_hour_is_kept() -> None:
    node = _node()
    samples = Samples(cast(Node, node))
    for _ in range(500):
        await node.clock.advance(STEP_SECONDS)
        samples.take()
    series = samples.series(ACCEPTED, 3600)
    assert series is not None
    assert len(series.values) == 360
    assert samples.in_memory() == {"samples for charts": 361}
    node.ending.set()


async def test_the_first_look_finds_the_samples_since_the_nodes_start() -> None:
    node = Mock(spec=list(vars(_node())), **vars(_node()))
    console = Console()
    console.begin(node)
    api = Api(console.samples)
    kept = api.kept.get(node, samples_of)
    assert kept is console.samples
    node.ending.set()
