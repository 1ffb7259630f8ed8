"""The operations of CloudWatch Logs over a real store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from lambda_rig import SCOPE, Rig, rig
from nightbus.aws.errors import AwsError
from nightbus.functions.interface import LogLine, LogPart
from nightbus.services.logs.retention import DAY_MS, trim_expired_events

GROUP = "/aws/lambda/worker"


@pytest.fixture
async def logs(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path) as made:
        yield made


async def write(logs: Rig, stream: str, *messages: str, at: int | None = None) -> None:
    time = logs.clock.now_ms() if at is None else at
    lines = [LogLine(time + number, message) for number, message in enumerate(messages)]
    await logs.platform.log_sink.write(SCOPE, LogPart(GROUP, stream, lines))


def messages(reply: dict[str, Any]) -> list[str]:
    return [event["message"] for event in reply["events"]]


async def test_the_platforms_lines_make_group_and_stream(logs: Rig) -> None:
    await asyncio.gather(*(write(logs, "one", f"line {number}") for number in range(5)))
    groups = (await logs("logs", "DescribeLogGroups"))["logGroups"]
    assert [group["logGroupName"] for group in groups] == [GROUP]
    assert groups[0]["arn"] == f"arn:aws:logs:eu-west-1:123456789012:log-group:{GROUP}:*"
    assert groups[0]["logGroupArn"] == groups[0]["arn"].removesuffix(":*")
    (stream,) = (await logs("logs", "DescribeLogStreams", logGroupName=GROUP))["logStreams"]
    assert stream["firstEventTimestamp"] == stream["lastEventTimestamp"] == logs.clock.now_ms()
    found = await logs("logs", "GetLogEvents", logGroupName=GROUP, logStreamName="one")
    assert sorted(messages(found)) == [f"line {number}" for number in range(5)]


ALLOW = """{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "es.amazonaws.com"},
"Action": "logs:PutLogEvents", "Resource": "*"}]}"""


async def test_resource_policies_are_kept_shown_and_deleted(logs: Rig) -> None:
    for number in range(10):
        await logs("logs", "PutResourcePolicy", policyName=f"p{number}", policyDocument=ALLOW)
    with pytest.raises(AwsError, match="Resource limit exceeded") as full:
        await logs("logs", "PutResourcePolicy", policyName="one more", policyDocument=ALLOW)
    changed = await logs("logs", "PutResourcePolicy", policyName="p3", policyDocument=ALLOW + " ")
    first = await logs("logs", "DescribeResourcePolicies", limit=4)
    rest = await logs("logs", "DescribeResourcePolicies", nextToken=first["nextToken"])
    assert full.value.code == "LimitExceededException"
    assert first["resourcePolicies"][3] == changed["resourcePolicy"]
    assert changed["resourcePolicy"] == {
        "policyName": "p3", "policyDocument": ALLOW + " ", "policyScope": "ACCOUNT",
        "lastUpdatedTime": logs.clock.now_ms(),
    }  # fmt: skip
    assert [one["policyName"] for one in rest["resourcePolicies"]] == [
        f"p{number}" for number in range(4, 10)
    ]
    await logs("logs", "DeleteResourcePolicy", policyName="p3")
    with pytest.raises(AwsError) as gone:
        await logs("logs", "DeleteResourcePolicy", policyName="p3")
    assert gone.value.code == "ResourceNotFoundException"


@pytest.mark.parametrize("document", ["", "no JSON", "[]", "{}", '{"Statement": ["x"]}', "[" * 100_000])
async def test_what_is_no_policy_is_refused(logs: Rig, document: str) -> None:
    with pytest.raises(AwsError) as refused:
        await logs("logs", "PutResourcePolicy", policyName="p", policyDocument=document)
    assert refused.value.code in ("InvalidParameterException", "ValidationException")


async def test_a_deleted_stream_comes_back_empty(logs: Rig) -> None:
    await write(logs, "one", "old")
    await logs("logs", "DeleteLogStream", logGroupName=GROUP, logStreamName="one")
    await write(logs, "one", "new")
    found = await logs("logs", "GetLogEvents", logGroupName=GROUP, logStreamName="one")
    assert messages(found) == ["new"]


async def test_a_deleted_group_takes_its_streams_along(logs: Rig) -> None:
    await write(logs, "one", "old")
    await logs("logs", "DeleteLogGroup", logGroupName=GROUP)
    assert await logs.store.logs(SCOPE) == []
    with pytest.raises(AwsError, match="The specified log group does not exist"):
        await logs("logs", "GetLogEvents", logGroupName=GROUP, logStreamName="one")
    await logs("logs", "CreateLogGroup", logGroupName=GROUP)
    with pytest.raises(AwsError, match="The specified log stream does not exist"):
        await logs("logs", "GetLogEvents", logGroupName=GROUP, logStreamName="one")
    with pytest.raises(AwsError, match="The specified log group already exists"):
        await logs("logs", "CreateLogGroup", logGroupName=GROUP)


async def test_reading_goes_forward_and_back_again(logs: Rig) -> None:
    await write(logs, "one", *(f"{number}" for number in range(10)))
    where = {"logGroupName": GROUP, "logStreamName": "one", "limit": 4}
    latest = await logs("logs", "GetLogEvents", **where)
    assert messages(latest) == ["6", "7", "8", "9"]
    before = await logs("logs", "GetLogEvents", nextToken=latest["nextBackwardToken"], **where)
    assert messages(before) == ["2", "3", "4", "5"]
    again = await logs("logs", "GetLogEvents", nextToken=before["nextForwardToken"], **where)
    assert messages(again) == ["6", "7", "8", "9"]
    end = await logs("logs", "GetLogEvents", nextToken=again["nextForwardToken"], **where)
    assert end["events"] == []
    assert end["nextForwardToken"] == again["nextForwardToken"]
    from_end = await logs("logs", "GetLogEvents", nextToken=end["nextBackwardToken"], **where)
    assert messages(from_end) == ["6", "7", "8", "9"]
    head = await logs("logs", "GetLogEvents", startFromHead=True, **where)
    assert messages(head) == ["0", "1", "2", "3"]


async def test_many_events_of_one_millisecond_are_all_read_once(logs: Rig) -> None:
    time = logs.clock.now_ms()
    for stream in ("a", "b", "c"):
        lines = [LogLine(time, f"{stream}{number}") for number in range(7)]
        await logs.platform.log_sink.write(SCOPE, LogPart(GROUP, stream, lines))
    seen: list[str] = []
    token: dict[str, str] = {}
    while True:
        found = await logs("logs", "FilterLogEvents", logGroupName=GROUP, limit=4, **token)
        seen += messages(found)
        if not found.get("nextToken"):
            break
        token = {"nextToken": found["nextToken"]}
    assert sorted(seen) == sorted(f"{stream}{number}" for stream in "abc" for number in range(7))


async def test_filter_interleaves_streams_and_selects(logs: Rig) -> None:
    now = logs.clock.now_ms()
    await write(logs, "a", "ERROR first", "fine", at=now)
    await write(logs, "b", "ERROR second", at=now + 1)
    found = await logs("logs", "FilterLogEvents", logGroupName=GROUP, filterPattern="ERROR")
    assert messages(found) == ["ERROR first", "ERROR second"]
    assert [event["logStreamName"] for event in found["events"]] == ["a", "b"]
    assert len({event["eventId"] for event in found["events"]}) == 2
    later = await logs("logs", "FilterLogEvents", logGroupName=GROUP, startTime=now + 1, endTime=now + 2)
    assert sorted(messages(later)) == ["ERROR second", "fine"]
    one = await logs("logs", "FilterLogEvents", logGroupName=GROUP, logStreamNames=["b"])
    assert messages(one) == ["ERROR second"]
    down = await logs(
        "logs", "FilterLogEvents", logGroupName=GROUP, startTime=now, startFromHead=False, limit=1
    )
    assert messages(down) == ["ERROR second"]
    with pytest.raises(AwsError, match="The specified log stream does not exist"):
        await logs("logs", "FilterLogEvents", logGroupName=GROUP, logStreamNames=["z"])


async def test_a_group_may_be_named_by_its_arn(logs: Rig) -> None:
    await write(logs, "one", "line")
    arn = f"arn:aws:logs:eu-west-1:123456789012:log-group:{GROUP}"
    found = await logs("logs", "FilterLogEvents", logGroupIdentifier=arn)
    assert messages(found) == ["line"]
    with pytest.raises(AwsError, match="mutually exclusive"):
        await logs("logs", "FilterLogEvents", logGroupIdentifier=arn, logGroupName=GROUP)


async def test_streams_by_the_time_of_their_last_event(logs: Rig) -> None:
    now = logs.clock.now_ms()
    for stream, time in (("a", now + 9), ("b", now + 5), ("c", now + 7)):
        await write(logs, stream, "line", at=time)
    found = await logs(
        "logs", "DescribeLogStreams", logGroupName=GROUP, orderBy="LastEventTime", descending=True, limit=2
    )
    assert [stream["logStreamName"] for stream in found["logStreams"]] == ["a", "c"]
    rest = await logs(
        "logs",
        "DescribeLogStreams",
        logGroupName=GROUP,
        orderBy="LastEventTime",
        descending=True,
        nextToken=found["nextToken"],
    )
    assert [stream["logStreamName"] for stream in rest["logStreams"]] == ["b"]


async def test_names_with_slashes_do_not_meet(logs: Rig) -> None:
    await logs.platform.log_sink.write(SCOPE, LogPart("a", "b/c", [LogLine(1, "first")]))
    await logs.platform.log_sink.write(SCOPE, LogPart("a/b", "c", [LogLine(1, "second")]))
    found = await logs("logs", "FilterLogEvents", logGroupName="a")
    assert messages(found) == ["first"]


async def test_put_log_events_says_what_it_rejects(logs: Rig) -> None:
    now = logs.clock.now_ms()
    await logs("logs", "CreateLogGroup", logGroupName=GROUP)
    await logs("logs", "CreateLogStream", logGroupName=GROUP, logStreamName="one")
    where = {"logGroupName": GROUP, "logStreamName": "one"}
    events = [
        {"timestamp": now - 3_600_000, "message": "taken"},
        {"timestamp": now + 3 * 3_600_000, "message": "too new"},
    ]
    reply = await logs("logs", "PutLogEvents", logEvents=events, **where)
    assert reply["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 1}
    assert messages(await logs("logs", "GetLogEvents", **where)) == ["taken"]
    with pytest.raises(AwsError, match="chronological order"):
        await logs("logs", "PutLogEvents", logEvents=events[::-1], **where)


async def test_expired_events_are_out_of_sight_and_then_gone(logs: Rig) -> None:
    await write(logs, "one", "old")
    await logs("logs", "PutRetentionPolicy", logGroupName=GROUP, retentionInDays=1)
    with pytest.raises(AwsError, match="enum value set"):
        await logs("logs", "PutRetentionPolicy", logGroupName=GROUP, retentionInDays=2)
    await logs.clock.advance(DAY_MS / 1000 + 1)
    await write(logs, "one", "new")
    where = {"logGroupName": GROUP, "logStreamName": "one"}
    assert messages(await logs("logs", "GetLogEvents", **where)) == ["new"]
    worker = asyncio.create_task(trim_expired_events(logs.platform))
    try:
        async with asyncio.timeout(20):
            while len(await logs.store.read(SCOPE, f"logs/{GROUP}:one")) > 1:
                await asyncio.sleep(0.01)
    finally:
        worker.cancel()
    await logs("logs", "DeleteRetentionPolicy", logGroupName=GROUP)
    assert messages(await logs("logs", "GetLogEvents", **where)) == ["new"]


async def test_tags_of_a_group(logs: Rig) -> None:
    await logs("logs", "CreateLogGroup", logGroupName=GROUP, tags={"a": "1", "b": "2"})
    arn = f"arn:aws:logs:eu-west-1:123456789012:log-group:{GROUP}"
    await logs("logs", "TagResource", resourceArn=arn, tags={"c": "3"})
    await logs("logs", "UntagResource", resourceArn=arn, tagKeys=["a"])
    assert (await logs("logs", "ListTagsForResource", resourceArn=arn))["tags"] == {"b": "2", "c": "3"}


async def test_what_is_not_supported_is_named(logs: Rig) -> None:
    await logs("logs", "CreateLogGroup", logGroupName=GROUP)
    with pytest.raises(AwsError, match="logGroupClass DELIVERY is not supported"):
        await logs("logs", "CreateLogGroup", logGroupName=f"{GROUP}-2", logGroupClass="DELIVERY")
    with pytest.raises(AwsError, match="Invalid filter pattern"):
        await logs("logs", "FilterLogEvents", logGroupName=GROUP, filterPattern="%a(b)%")


async def test_a_pattern_is_tried_on_messages(logs: Rig) -> None:
    messages = ['{"ms": 5}', '{"ms": 50}']
    reply = await logs("logs", "TestMetricFilter", filterPattern="{ $.ms > 9 }", logEventMessages=messages)
    match = {"eventNumber": 2, "eventMessage": '{"ms": 50}', "extractedValues": {"$.ms": "50"}}
    assert reply["matches"] == [match]
