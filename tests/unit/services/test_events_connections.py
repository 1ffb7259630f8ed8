"""Quotas of connections and API destinations, and two who change one connection at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bus_rig import SCOPE, Rig
from nightbus.aws.errors import AwsError
from nightbus.clock import VirtualClock
from nightbus.delivery.api_destinations.connections import API_DESTINATION, CONNECTION, connection_of
from nightbus.services.events.quotas import API_DESTINATIONS_PER_REGION, CONNECTIONS_PER_REGION
from nightbus.store.interface import PutRecord

BASIC = {"BasicAuthParameters": {"Username": "shop", "Password": "hunter"}}


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    opened = Rig(tmp_path, VirtualClock())
    yield opened
    await opened.store.close()


async def connect(rig: Rig, name: str) -> str:
    reply = await rig("CreateConnection", Name=name, AuthorizationType="BASIC", AuthParameters=BASIC)
    return str(reply["ConnectionArn"])


async def fill(rig: Rig, kind: str, count: int) -> None:
    await rig.store.commit(*(PutRecord(SCOPE, kind, f"n{at}", {}) for at in range(count)))


async def test_connections_have_a_quota(rig: Rig) -> None:
    await fill(rig, CONNECTION, CONNECTIONS_PER_REGION)
    with pytest.raises(AwsError, match="LimitExceededException"):
        await connect(rig, "one-more")
    rig.operations.attach(replace(rig.platform, quotas=False))
    await connect(rig, "one-more")


async def test_api_destinations_have_a_quota(rig: Rig) -> None:
    params: dict[str, Any] = {
        "Name": "one-more",
        "ConnectionArn": await connect(rig, "c"),
        "InvocationEndpoint": "https://shop.example.com",
        "HttpMethod": "POST",
    }
    await fill(rig, API_DESTINATION, API_DESTINATIONS_PER_REGION)
    with pytest.raises(AwsError, match="LimitExceededException"):
        await rig("CreateApiDestination", **params)
    rig.operations.attach(replace(rig.platform, quotas=False))
    await rig("CreateApiDestination", **params)


async def test_two_changes_at_the_same_time_are_both_made(rig: Rig) -> None:
    arn = await connect(rig, "c")
    changes = [
        rig("UpdateConnection", Name="c", AuthParameters={"BasicAuthParameters": {"Password": text}})
        for text in ("one", "other")
    ]
    await asyncio.gather(*changes)
    found = await connection_of(rig.store, rig.platform.vault, SCOPE, arn)
    assert found is not None
    password = found.auth["BasicAuthParameters"].pop("Password")
    assert password in ("one", "other")
    assert found.auth == {"BasicAuthParameters": {"Username": "shop"}}


async def test_an_arn_names_one_connection_for_ever(rig: Rig) -> None:
    arn = await connect(rig, "c")
    await rig("DeleteConnection", Name="c")
    assert await connect(rig, "c") != arn
    for other in (arn, "c", "arn:aws:events:us-east-1:1:connection/c"):
        assert await connection_of(rig.store, rig.platform.vault, SCOPE, other) is None
