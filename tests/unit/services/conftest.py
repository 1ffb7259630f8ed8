"""Gives the tests of Lambda a rig with a function, alone or with the workers that carry out its invocations."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from job_rig import delivering
from lambda_rig import Rig, rig
from nightbus.services import lambda_
from nightbus.services.lambda_.invocations.asynchronous import invoke_asynchronously


@pytest.fixture
async def aws(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path) as made:
        await made.create()
        yield made


@pytest.fixture
async def working(aws: Rig) -> AsyncIterator[Rig]:
    """With the worker of asynchronous invocations running."""
    worker = asyncio.create_task(invoke_asynchronously(aws.platform))
    async with delivering(aws.platform, lambda_.JOB_QUEUES):
        yield aws
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
