"""CloudWatch Logs by boto3: groups, streams and their events over the wire."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

Client = Callable[..., Any]


@pytest.fixture
def logs(client: Client) -> Any:
    return client("logs")


@pytest.fixture
def group(logs: Any) -> str:
    name = f"/tests/{uuid4().hex[:8]}"
    logs.create_log_group(logGroupName=name, tags={"kind": "test"})
    return name


def put(logs: Any, group: str, stream: str, *messages: str) -> int:
    """Create the stream with these events, a millisecond apart; gives the time of the first."""
    first = int(time.time() * 1000) - 60_000
    logs.create_log_stream(logGroupName=group, logStreamName=stream)
    events = [{"timestamp": first + at, "message": message} for at, message in enumerate(messages)]
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
    return first


def test_groups_and_streams_as_they_are_described(logs: Any, group: str) -> None:
    first = put(logs, group, "2026/01/01/[$LATEST]abc", "a", "b")
    (described,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    arn = f"arn:aws:logs:us-east-1:000000000000:log-group:{group}"
    assert (described["arn"], described["logGroupArn"]) == (f"{arn}:*", arn)
    assert (described["metricFilterCount"], described["logGroupClass"]) == (0, "STANDARD")
    assert "retentionInDays" not in described
    logs.put_retention_policy(logGroupName=group, retentionInDays=7)
    (described,) = logs.describe_log_groups(logGroupNamePattern=group[3:])["logGroups"]
    assert described["retentionInDays"] == 7
    (stream,) = logs.describe_log_streams(logGroupIdentifier=arn)["logStreams"]
    assert (stream["firstEventTimestamp"], stream["lastEventTimestamp"]) == (first, first + 1)
    assert stream["arn"] == f"{arn}:log-stream:2026/01/01/[$LATEST]abc"
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"kind": "test"}
    logs.delete_log_group(logGroupName=group)
    assert logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"] == []


def test_the_paginator_reads_every_matching_event(logs: Any, group: str) -> None:
    for stream in ("a", "b", "c"):
        put(
            logs,
            group,
            stream,
            *(f"{stream} {number} {'odd' if number % 2 else 'even'}" for number in range(9)),
        )
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group, filterPattern="odd -b", PaginationConfig={"PageSize": 3}
    )
    events = [event for page in pages for event in page["events"]]
    assert sorted(event["message"] for event in events) == sorted(
        f"{stream} {number} odd" for stream in "ac" for number in (1, 3, 5, 7)
    )
    assert [event["timestamp"] for event in events] == sorted(event["timestamp"] for event in events)
    assert len({event["eventId"] for event in events}) == len(events)


def test_a_reader_that_follows_sees_new_events_at_once(logs: Any, group: str) -> None:
    first = put(logs, group, "s", "old")
    where = {"logGroupName": group, "logStreamName": "s", "startFromHead": True}
    reply = logs.get_log_events(**where)
    assert [event["message"] for event in reply["events"]] == ["old"]
    end = logs.get_log_events(nextToken=reply["nextForwardToken"], **where)
    assert (end["events"], end["nextForwardToken"]) == ([], reply["nextForwardToken"])
    logs.put_log_events(
        logGroupName=group, logStreamName="s", logEvents=[{"timestamp": first, "message": "new"}]
    )
    new = logs.get_log_events(nextToken=end["nextForwardToken"], **where)
    assert [event["message"] for event in new["events"]] == ["new"]


@pytest.mark.parametrize(
    ("operation", "params", "code", "message"),
    [
        (
            "get_log_events",
            {"logStreamName": "none"},
            "ResourceNotFoundException",
            "log stream does not exist.",
        ),
        ("create_log_group", {}, "ResourceAlreadyExistsException", "The specified log group already exists"),
        ("filter_log_events", {"nextToken": "x"}, "InvalidParameterException", "nextToken is invalid."),
        ("put_retention_policy", {"retentionInDays": 2}, "InvalidParameterException", "enum value set"),
        (
            "put_metric_filter",
            {
                "filterName": "f",
                "filterPattern": "",
                "metricTransformations": [{"metricName": "m", "metricNamespace": "n", "metricValue": "1"}],
            },
            "NotImplementedException",
            "logs:PutMetricFilter is not supported",
        ),
    ],
)
def test_refused(
    logs: Any, group: str, operation: str, params: dict[str, Any], code: str, message: str
) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(logs, operation)(logGroupName=group, **params)
    assert caught.value.response["Error"]["Code"] == code
    assert message in caught.value.response["Error"]["Message"]


def test_patterns_of_json_and_fields(logs: Any, group: str) -> None:
    put(logs, group, "patterns", '{"level": "error", "ms": 120}', '{"level": "info"}', "GET /a 404 15")
    for pattern, expected in (
        ('{ $.level = "error" && $.ms > 100 }', ['{"level": "error", "ms": 120}']),
        ("[verb, path, status = 4*, bytes > 10]", ["GET /a 404 15"]),
        ("%inf.%", ['{"level": "info"}']),
    ):
        found = logs.filter_log_events(logGroupName=group, logStreamNames=["patterns"], filterPattern=pattern)
        assert [event["message"] for event in found["events"]] == expected
    tried = logs.test_metric_filter(filterPattern="[verb, ..., bytes]", logEventMessages=["GET /a 404 15"])
    assert tried["matches"][0]["extractedValues"]["$bytes"] == "15"


def test_scopes_are_apart(client: Client, group: str) -> None:
    for other in (client("logs", region="eu-west-1"), client("logs", account="123456789012")):
        assert other.describe_log_groups(logGroupNamePrefix=group)["logGroups"] == []
