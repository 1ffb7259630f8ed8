"""Connections: their quotas, two who change one at the same time, and their secrets in Secrets Manager."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bus_rig import ENDPOINT, SCOPE, Rig
from nightbus.aws.calls import Call, Caller
from nightbus.aws.errors import AwsError
from nightbus.clock import VirtualClock
from nightbus.delivery.api_destinations.connections import (
    API_DESTINATION,
    CONNECTION,
    connection_of,
    secret_name,
)
from nightbus.identity.secrets import VERSION, version_key
from nightbus.services.events.connection_secrets import move_sealed_parameters
from nightbus.services.events.quotas import API_DESTINATIONS_PER_REGION, CONNECTIONS_PER_REGION
from nightbus.store.interface import PutRecord

CALL = Call(SCOPE, Caller.root(SCOPE.account), ENDPOINT)
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


async def test_the_secret_of_a_connection_lies_in_secrets_manager(rig: Rig) -> None:
    async def secrets(operation: str, **params: Any) -> dict[str, Any]:
        return await rig.operations.call("secretsmanager", operation, params, CALL)

    await connect(rig, "c")
    arn = (await rig("DescribeConnection", Name="c"))["SecretArn"]
    described = await secrets("DescribeSecret", SecretId=arn)
    assert (described["ARN"], described["OwningService"]) == (arn, "events")
    await rig("UpdateConnection", Name="c", AuthParameters={"BasicAuthParameters": {"Password": "new"}})
    value = json.loads((await secrets("GetSecretValue", SecretId=arn))["SecretString"])
    assert value == {"BasicAuthParameters": {"Username": "shop", "Password": "new"}}
    refused: dict[str, dict[str, Any]] = {
        "DeleteSecret": {},
        "PutSecretValue": {"SecretString": "x"},
        "RotateSecret": {},
        "TagResource": {"Tags": []},
    }
    for operation, params in refused.items():
        with pytest.raises(AwsError, match="managed by events"):
            await secrets(operation, SecretId=arn, **params)
    assert (await rig("DescribeConnection", Name="c"))["SecretArn"] == arn
    await rig("DeauthorizeConnection", Name="c")
    assert "SecretArn" not in {
        name for name, one in (await rig("DescribeConnection", Name="c")).items() if one
    }
    with pytest.raises(AwsError, match="can't find"):
        await secrets("DescribeSecret", SecretId=arn)
    await rig("UpdateConnection", Name="c", AuthParameters=BASIC)
    await rig("DeleteConnection", Name="c")
    kept = await rig.store.rows()
    assert not kept.get("record secretsmanager/secret") and not kept.get("record secretsmanager/version")


async def test_what_an_earlier_release_sealed_in_the_record_is_read_and_moved(rig: Rig) -> None:
    arn = await connect(rig, "c")
    record = await rig.store.get(SCOPE, CONNECTION, "c")
    assert record is not None
    key = version_key(secret_name("c", record.value), record.value.pop("SecretVersion"))
    version = await rig.store.get(SCOPE, VERSION, key)
    assert version is not None
    earlier = {**record.value, "Sealed": version.value["sealed"]}
    await rig("DeleteConnection", Name="c")
    await rig.store.commit(PutRecord(SCOPE, CONNECTION, "c", earlier))
    before = await connection_of(rig.store, rig.platform.vault, SCOPE, arn)
    duty = asyncio.create_task(move_sealed_parameters(rig.platform))
    async with asyncio.timeout(10):
        while "Sealed" in record.value or "SecretVersion" not in record.value:
            await asyncio.sleep(0.002)
            record = await rig.store.get(SCOPE, CONNECTION, "c")
            assert record is not None
    duty.cancel()
    after = await connection_of(rig.store, rig.platform.vault, SCOPE, arn)
    assert before is not None and after is not None
    assert before.auth == after.auth
