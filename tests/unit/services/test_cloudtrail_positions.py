"""A trail delivers what was recorded after it began, whatever the clock shows."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nightbus.aws.calls import Call, Scope
from nightbus.clock import VirtualClock
from nightbus.identity.audit import TRAIL
from nightbus.services.cloudtrail.log_ends import ends_of
from nightbus.services.cloudtrail.log_files import deliver_files
from nightbus.services.cloudtrail.selectors import DEFAULT_SELECTORS
from nightbus.store.interface import Append
from nightbus.store.sqlite.store import SqliteStore

SCOPE = Scope("123456789012", "eu-west-1")
_HOUR_MS = 3_600_000


@dataclass
class Rig:
    """A platform with as much as a trail needs; `operations` is itself, which stands for S3."""

    store: SqliteStore
    clock: VirtualClock
    delivered: list[str] = field(default_factory=list)
    value: dict[str, Any] = field(default_factory=dict)

    @property
    def platform(self) -> Any:
        return SimpleNamespace(
            store=self.store, clock=self.clock, operations=self, endpoint="", trail=None, keys=None
        )

    async def call(self, service: str, operation: str, params: dict[str, Any], call: Call) -> dict[str, Any]:
        records = json.loads(gzip.decompress(params["Body"]))["Records"]
        self.delivered += [one["eventName"] for one in records]
        return {}

    async def record(self, name: str, time: int) -> None:
        one = {
            "eventName": name,
            "eventTime": "2026-01-01T00:00:01Z",
            "eventCategory": "Management",
            "managementEvent": True,
            "readOnly": False,
            "eventSource": "sns.amazonaws.com",
            "userIdentity": {"type": "Root"},
            "awsRegion": SCOPE.region,
        }
        await self.store.commit(Append(SCOPE, TRAIL, time, json.dumps(one).encode()))

    async def begin(self) -> None:
        self.value = {
            "name": "trail",
            "bucket": "b",
            "prefix": "",
            "selectors": DEFAULT_SELECTORS,
            "global": True,
            "started": self.clock.now_ms(),
            "positions": await ends_of(self.platform, SCOPE.account),
        }

    async def deliver(self) -> list[str]:
        self.value |= await deliver_files(self.platform, SCOPE, self.value, [SCOPE.region])
        return self.delivered


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    clock = VirtualClock()
    store = SqliteStore.open(tmp_path, clock, durable=False)
    yield Rig(store, clock)
    await store.close()


async def test_what_is_recorded_after_the_clock_was_set_back_is_delivered(rig: Rig) -> None:
    now = rig.clock.now_ms()
    await rig.record("Before", now)
    await rig.begin()
    await rig.record("SetBack", now - 3 * _HOUR_MS)
    assert await rig.deliver() == ["SetBack"]
    await rig.record("Further", now - 26 * _HOUR_MS)
    assert await rig.deliver() == ["SetBack", "Further"]


async def test_records_of_a_time_to_come_from_before_the_trail_are_not_delivered(rig: Rig) -> None:
    now = rig.clock.now_ms()
    await rig.record("FutureBefore", now + _HOUR_MS)
    await rig.begin()
    await rig.record("After", now + 1)
    assert await rig.deliver() == ["After"]
