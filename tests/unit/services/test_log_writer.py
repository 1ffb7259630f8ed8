"""What is logged at the same time shares a commit, and nobody's trouble is another one's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from lambda_rig import SCOPE, Rig, rig
from nightbus.aws.calls import Call, Caller, Scope
from nightbus.functions.interface import LogLine, LogPart
from nightbus.identity.authorization import Authorizer
from nightbus.messaging.log_streams import log_name
from nightbus.policies.request import Need
from nightbus.services.logs.writer import LogWriter
from nightbus.store.interface import SYSTEM, Append, Change, Enqueue, StaleLease

GROUP = "/aws/lambda/worker"
STREAMS = [f"stream {number}" for number in range(20)]


@pytest.fixture
async def logs(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path) as made:
        yield made


@pytest.fixture
def writer(logs: Rig) -> LogWriter:
    return LogWriter(logs.store, logs.clock)


def part(stream: str, *messages: str) -> LogPart:
    return LogPart(GROUP, stream, [LogLine(1, message) for message in messages])


async def write_all(writer: LogWriter, message: str, *also: Change) -> None:
    await asyncio.gather(*(writer.write(SCOPE, part(stream, message), also) for stream in STREAMS))


async def lines_of(logs: Rig, stream: str) -> list[bytes]:
    return [entry.data for entry in await logs.store.read(SCOPE, log_name(GROUP, stream))]


async def test_streams_that_are_there_share_a_commit(logs: Rig, writer: LogWriter) -> None:
    await write_all(writer, "first")
    commits = 0
    commit = logs.store.commit

    async def counted(*changes: Change, patience: float = 0.0) -> None:
        nonlocal commits
        commits += 1
        await commit(*changes, patience=patience)

    logs.store.commit = counted  # type: ignore[method-assign]
    await write_all(writer, "second", Append(SYSTEM, "beside", 1, b"x"))
    assert commits == 1
    for stream in STREAMS:
        assert len(await lines_of(logs, stream)) == 2
    assert len(await logs.store.read(SYSTEM, "beside")) == len(STREAMS)


async def test_a_lease_that_is_stale_is_trouble_of_its_own_only(logs: Rig, writer: LogWriter) -> None:
    await write_all(writer, "first")
    await logs.store.commit(*(Enqueue(SYSTEM, "work", b"", 0) for _ in STREAMS))
    items = await logs.store.lease(SYSTEM, "work", len(STREAMS), 60_000)
    stale = items[7]
    await logs.store.change_lease(SYSTEM, "work", stale.id, 0)
    await logs.store.lease(SYSTEM, "work", 1, 60_000)
    outcomes = await asyncio.gather(
        *(
            writer.write(SCOPE, part(stream, "second"), [item.acknowledge()])
            for stream, item in zip(STREAMS, items, strict=True)
        ),
        return_exceptions=True,
    )
    assert [type(one) for one in outcomes] == [StaleLease if item is stale else type(None) for item in items]
    for stream, item in zip(STREAMS, items, strict=True):
        assert len(await lines_of(logs, stream)) == (1 if item is stale else 2)


async def test_a_stream_that_is_deleted_meanwhile_is_made_anew(logs: Rig, writer: LogWriter) -> None:
    await write_all(writer, "first")
    await logs("logs", "DeleteLogStream", logGroupName=GROUP, logStreamName=STREAMS[3])
    await write_all(writer, "second")
    assert [len(await lines_of(logs, stream)) for stream in STREAMS[2:5]] == [2, 1, 2]


async def test_what_waits_is_written_before_it_closes(logs: Rig, writer: LogWriter) -> None:
    await write_all(writer, "first")
    waiting = [
        asyncio.create_task(writer.write(SCOPE, part(stream, "second"), [Append(SYSTEM, "x", 1, b"")]))
        for stream in STREAMS
    ]
    await asyncio.sleep(0)
    for one in waiting:
        one.cancel()  # as a worker's tasks are when the node stops
    await writer.close()
    for stream in STREAMS:
        assert len(await lines_of(logs, stream)) == 2


class SlowPolicies:
    """No resource has a policy, which is known once `looked_up` is set."""

    def __init__(self) -> None:
        self.asked, self.looked_up = asyncio.Event(), asyncio.Event()

    async def policy(self, _resource: str) -> None:
        self.asked.set()
        await self.looked_up.wait()


async def test_a_caller_may_be_cancelled_while_its_permission_is_looked_up(logs: Rig) -> None:
    policies = SlowPolicies()
    writer = LogWriter(logs.store, logs.clock, Authorizer(None, policies, logs.clock))  # type: ignore[arg-type]
    root = Caller.root(SCOPE.account)
    line = LogPart(GROUP, "stream", [LogLine(1, "line")], root)
    writing = asyncio.create_task(writer.write(SCOPE, line, [Append(SYSTEM, "x", 1, b"")]))
    await policies.asked.wait()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    policies.looked_up.set()
    await writer.close()
    assert len(await lines_of(logs, "stream")) == 1
    assert len(await logs.store.read(SYSTEM, "x")) == 1


class Policies:
    """Admits the lines of all streams but the refused ones, and counts how often it was asked."""

    enforces = True

    def __init__(self, refused: str) -> None:
        self.refused, self.asked = refused, 0

    async def admits(self, _caller: Caller, _scope: Scope, need: Need) -> bool:
        self.asked += 1
        return not need.resource.endswith(self.refused)

    async def authorize(self, _operation: str, _needs: Sequence[Need], _call: Call) -> None:
        """Tells of a refusal."""


async def test_what_may_not_be_written_keeps_nothing_else_from_the_commit(
    logs: Rig, writer: LogWriter
) -> None:
    """Lines are left out where the role may not write them. What belongs to the invocation is written all the same."""
    await write_all(writer, "first")
    policies = Policies(refused=STREAMS[3])
    strict = LogWriter(logs.store, logs.clock, policies)  # type: ignore[arg-type]
    root = Caller.root(SCOPE.account)
    parts = [
        LogPart(GROUP, stream, [LogLine(1, "second")], root, [Append(SYSTEM, "ended", 1, b"")])
        for stream in STREAMS * 2
    ]
    await asyncio.gather(*(strict.write(SCOPE, one, [Append(SYSTEM, "beside", 1, b"x")]) for one in parts))
    for stream in STREAMS:
        assert len(await lines_of(logs, stream)) == (1 if stream == STREAMS[3] else 3)
    assert len(await logs.store.read(SYSTEM, "beside")) == len(parts)
    assert len(await logs.store.read(SYSTEM, "ended")) == len(parts)
    assert policies.asked == len(STREAMS)  # once for the lines that an environment has in a commit
