"""EventBridge by boto3: archives and replays, each operation with what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from aws_refusals import code_and_status, refusal
from key_policies import key_for
from waiting import wait_for

Client = Callable[..., Any]
ACCOUNT = "000000000000"
PREFIX = f"arn:aws:events:us-east-1:{ACCOUNT}:"
PATTERN = '{"source": ["shop"]}'
SEND = {
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": "*",
        }
    ]
}


@pytest.fixture
def events(client: Client) -> Any:
    return client("events")


@pytest.fixture
def name() -> str:
    return f"n-{uuid4().hex[:8]}"


@pytest.fixture
def bus(events: Any, name: str) -> str:
    """The ARN of a bus of its own, named `name`."""
    arn: str = events.create_event_bus(Name=name)["EventBusArn"]
    return arn


@pytest.fixture
def archive(events: Any, name: str, bus: str) -> str:
    """The ARN of an archive named `name`, of that bus."""
    arn: str = events.create_archive(ArchiveName=name, EventSourceArn=bus)["ArchiveArn"]
    return arn


@pytest.fixture
def queue(client: Client, name: str) -> str:
    """The URL of a queue to which rules may send."""
    made = client("sqs").create_queue(QueueName=name, Attributes={"Policy": json.dumps(SEND)})
    url: str = made["QueueUrl"]
    return url


def put(events: Any, bus: str, *details: int, **entry: Any) -> list[str]:
    entries = [
        {
            "Source": "shop",
            "DetailType": "order",
            "Detail": json.dumps({"n": detail}),
            "EventBusName": bus,
            **entry,
        }
        for detail in details
    ]
    return [one["EventId"] for one in events.put_events(Entries=entries)["Entries"]]


def received(sqs: Any, queue: str, count: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []

    def enough() -> bool:
        reply = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        found.extend(json.loads(message["Body"]) for message in reply.get("Messages", []))
        return len(found) >= count

    wait_for(enough)
    return found


def start(events: Any, replay: str, archive: str, bus: str, **params: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    window = {"EventStartTime": now - timedelta(days=1), "EventEndTime": now + timedelta(minutes=5)}
    wanted = {"EventSourceArn": archive, "Destination": {"Arn": bus}, **window, **params}
    made: dict[str, Any] = events.start_replay(ReplayName=replay, **wanted)
    return made


def finished(events: Any, replay: str) -> dict[str, Any]:
    def shown() -> dict[str, Any] | None:
        found: dict[str, Any] = events.describe_replay(ReplayName=replay)
        return found if "ReplayEndTime" in found else None

    return wait_for(shown)


def test_an_archive_from_its_creation_to_its_end(client: Client, events: Any, name: str, bus: str) -> None:
    key = key_for(client("kms"), "events.amazonaws.com")
    made = events.create_archive(
        ArchiveName=name,
        EventSourceArn=bus,
        Description="orders",
        EventPattern=PATTERN,
        RetentionDays=3,
        KmsKeyIdentifier=key,
    )
    arn = f"{PREFIX}archive/{name}"
    assert (made["ArchiveArn"], made["State"]) == (arn, "ENABLED")
    shown = events.describe_archive(ArchiveName=name)
    shown.pop("ResponseMetadata")
    listed = {
        "ArchiveName": name,
        "EventSourceArn": bus,
        "State": "ENABLED",
        "RetentionDays": 3,
        "SizeBytes": 0,
        "EventCount": 0,
        "CreationTime": made["CreationTime"],
    }
    settings = {"Description": "orders", "EventPattern": PATTERN, "KmsKeyIdentifier": key}
    assert shown == {**listed, "ArchiveArn": arn, **settings}
    assert events.list_archives(EventSourceArn=bus)["Archives"] == [listed]
    changed = events.update_archive(ArchiveName=name, RetentionDays=0)
    assert (changed["ArchiveArn"], changed["State"]) == (arn, "ENABLED")
    shown = events.describe_archive(ArchiveName=name)
    assert (shown["RetentionDays"], shown["EventPattern"], shown["Description"]) == (0, PATTERN, "orders")
    assert shown["KmsKeyIdentifier"] == key
    events.update_archive(
        ArchiveName=name, Description="all", EventPattern='{"source": ["store"]}', KmsKeyIdentifier=""
    )
    shown = events.describe_archive(ArchiveName=name)
    assert "KmsKeyIdentifier" not in shown
    assert (shown["EventPattern"], shown["Description"]) == ('{"source": ["store"]}', "all")
    events.delete_archive(ArchiveName=name)
    gone = ("ResourceNotFoundException", 400, f"Archive {name} does not exist.")
    for call in (events.describe_archive, events.update_archive, events.delete_archive):
        assert refusal(call, ArchiveName=name) == gone


def test_an_archive_keeps_what_its_pattern_matches(events: Any, name: str, bus: str) -> None:
    events.create_archive(ArchiveName=name, EventSourceArn=bus, EventPattern='{"detail": {"n": [1, 2]}}')
    events.create_archive(ArchiveName=f"{name}-all", EventSourceArn=bus)
    put(events, name, 1, 2, 3)
    put(events, "default", 1)
    few, every = (events.describe_archive(ArchiveName=one) for one in (name, f"{name}-all"))
    assert (few["EventCount"], every["EventCount"]) == (2, 3)
    assert 2 * 150 < few["SizeBytes"] < every["SizeBytes"]
    events.update_archive(ArchiveName=name, EventPattern='{"detail": {"n": [3]}}')
    put(events, name, 1, 3)
    assert events.describe_archive(ArchiveName=name)["EventCount"] == 3
    events.delete_archive(ArchiveName=name)
    events.create_archive(ArchiveName=name, EventSourceArn=bus)
    assert events.describe_archive(ArchiveName=name)["EventCount"] == 0


def test_what_creating_an_archive_refuses(
    events: Any, client: Client, name: str, archive: str, bus: str
) -> None:
    call = events.create_archive
    taken = ("ResourceAlreadyExistsException", 400, f"Archive {name} already exists.")
    assert refusal(call, ArchiveName=name, EventSourceArn=bus) == taken
    missing = f"{PREFIX}event-bus/none-{name}"
    assert refusal(call, ArchiveName="a", EventSourceArn=missing) == (
        "ResourceNotFoundException", 400, f"Event bus none-{name} does not exist.",
    )  # fmt: skip
    elsewhere = bus.replace("us-east-1", "eu-west-1")
    assert code_and_status(call, ArchiveName="a", EventSourceArn=elsewhere) == (
        "ResourceNotFoundException", 400,
    )  # fmt: skip
    assert refusal(call, ArchiveName="a", EventSourceArn=archive) == (
        "ValidationException", 400, "Parameter EventSourceArn is not valid. Reason: Must contain an event bus ARN.",
    )  # fmt: skip
    invalid = ("InvalidEventPatternException", 400)
    assert code_and_status(call, ArchiveName="a", EventSourceArn=bus, EventPattern="{") == invalid
    assert code_and_status(events.update_archive, ArchiveName=name, EventPattern="{}") == invalid
    raw = client("events", config=_unchecked())
    for wrong in ("a b", "a/b", "a|b", "x" * 49):
        refused = code_and_status(raw.create_archive, ArchiveName=wrong, EventSourceArn=bus)
        assert refused == ("ValidationException", 400)
    refused = code_and_status(raw.create_archive, ArchiveName="a", EventSourceArn=bus, RetentionDays=-1)
    assert refused == ("ValidationException", 400)


def _unchecked() -> Any:
    from botocore.config import Config

    return Config(parameter_validation=False, retries={"total_max_attempts": 1})


def test_a_hundred_archives_at_most(client: Client) -> None:
    events = client("events", account="100000000001")
    bus = "arn:aws:events:us-east-1:100000000001:event-bus/default"
    for number in range(100):
        events.create_archive(ArchiveName=f"a{number:03}", EventSourceArn=bus)
    refused = code_and_status(events.create_archive, ArchiveName="more", EventSourceArn=bus)
    assert refused == ("LimitExceededException", 400)
    first = events.list_archives(Limit=60)
    second = events.list_archives(Limit=60, NextToken=first["NextToken"])
    names = [one["ArchiveName"] for page in (first, second) for one in page["Archives"]]
    assert names == [f"a{number:03}" for number in range(100)]
    assert "NextToken" not in second


def test_archives_are_listed_by_one_filter(events: Any, name: str, archive: str, bus: str) -> None:
    events.create_archive(ArchiveName=f"{name}-2", EventSourceArn=f"{PREFIX}event-bus/default")

    def names(**params: Any) -> list[str]:
        return [one["ArchiveName"] for one in events.list_archives(**params)["Archives"]]

    assert names(NamePrefix=name) == [name, f"{name}-2"]
    assert names(EventSourceArn=bus) == [name]
    assert {name, f"{name}-2"} <= set(names(State="ENABLED"))
    assert names(State="DISABLED") == []
    assert refusal(events.list_archives, NamePrefix=name, State="ENABLED") == (
        "ValidationException",
        400,
        "At most one filter is allowed for ListArchives. Use either : State, EventSourceArn, or NamePrefix.",
    )
    assert code_and_status(events.list_archives, NextToken="x") == ("ValidationException", 400)
    assert code_and_status(events.list_archives, State="OPEN") == ("ValidationException", 400)


def test_a_bus_with_an_archive_is_not_deleted(events: Any, name: str, archive: str) -> None:
    refused = refusal(events.delete_event_bus, Name=name)
    assert refused == (
        "ValidationException", 400, f"Event bus {name} cannot be deleted since it has rules.",
    )  # fmt: skip
    events.delete_archive(ArchiveName=name)
    events.delete_event_bus(Name=name)


def test_a_replay_from_its_start_to_its_end(
    events: Any, client: Client, name: str, archive: str, bus: str, queue: str
) -> None:
    sqs = client("sqs")
    target = {"Id": "q", "Arn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"}
    events.put_rule(Name="r", EventBusName=name, EventPattern=PATTERN)
    events.put_targets(Rule="r", EventBusName=name, Targets=[target])
    when = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    late = put(events, name, 1, 2, Time=when)
    early = put(events, name, 3, Time=when - timedelta(minutes=1))
    before = {event["id"]: event for event in received(sqs, queue, 3)}
    destination = {"Arn": bus, "FilterArns": [f"{PREFIX}rule/{name}/r"]}
    began = start(events, name, archive, bus, Description="once more", Destination=destination)
    arn = f"{PREFIX}replay/{name}"
    assert (began["ReplayArn"], began["State"]) == (arn, "STARTING")
    shown = finished(events, name)
    assert shown["State"] == "COMPLETED"
    assert shown["ReplayArn"] == arn
    assert shown["Description"] == "once more"
    assert shown["Destination"] == destination
    assert shown["EventSourceArn"] == archive
    assert shown["EventLastReplayedTime"] == when
    assert shown["ReplayStartTime"] == began["ReplayStartTime"] <= shown["ReplayEndTime"]
    again = received(sqs, queue, 3)
    assert [event["id"] for event in again] == early + late
    assert again == [{**before[event["id"]], "replay-name": name} for event in again]
    assert events.describe_archive(ArchiveName=name)["EventCount"] == 3
    (listed,) = events.list_replays(NamePrefix=name)["Replays"]
    assert listed == {
        key: value
        for key, value in shown.items()
        if key not in ("ReplayArn", "Description", "Destination", "ResponseMetadata")
    }


def test_what_starting_a_replay_refuses(events: Any, name: str, archive: str, bus: str) -> None:
    def refused(**params: Any) -> tuple[str, int, str]:
        return refusal(lambda: start(events, params.pop("ReplayName", "x"), archive, bus, **params))

    def invalid(message: str) -> tuple[str, int, str]:
        return "ValidationException", 400, f"Parameter {message}"

    assert refused(EventSourceArn=bus) == invalid(
        "EventSourceArn is not valid. Reason: Must contain an archive ARN."
    )
    assert refused(EventSourceArn=f"{archive}-2") == invalid(
        f"EventSourceArn is not valid. Reason: Archive {name}-2 does not exist."
    )
    assert refused(Destination={"Arn": archive}) == invalid(
        "Destination.Arn is not valid. Reason: Must contain an event bus ARN."
    )
    assert refused(Destination={"Arn": f"{PREFIX}event-bus/default"}) == invalid(
        "Destination.Arn is not valid. Reason: Cross event bus replay is not permitted."
    )
    now = datetime.now(UTC)
    assert refused(EventStartTime=now, EventEndTime=now) == invalid(
        "EventEndTime is not valid. Reason: EventStartTime must be before EventEndTime."
    )
    other = f"{PREFIX}rule/r"
    assert refused(Destination={"Arn": bus, "FilterArns": [other]}) == invalid(
        f"Destination.FilterArns is not valid. Reason: {other} is no rule of event bus {name}."
    )
    missing = f"{PREFIX}rule/{name}/none"
    assert refused(Destination={"Arn": bus, "FilterArns": [missing]}) == (
        "ResourceNotFoundException", 400, f"Rule none does not exist on EventBus {name}.",
    )  # fmt: skip
    assert events.list_replays(EventSourceArn=archive)["Replays"] == []
    start(events, name, archive, bus)
    taken = ("ResourceAlreadyExistsException", 400, f"Replay {name} already exists.")
    assert refused(ReplayName=name) == taken
    finished(events, name)
    assert refused(ReplayName=name) == taken


def test_replays_are_listed_by_one_filter_and_by_page(events: Any, name: str, archive: str, bus: str) -> None:
    for number in range(3):
        start(events, f"{name}-{number}", archive, bus)
        finished(events, f"{name}-{number}")
    names = [f"{name}-{number}" for number in range(3)]

    def listed(**params: Any) -> list[str]:
        return [one["ReplayName"] for one in events.list_replays(**params)["Replays"]]

    assert listed(EventSourceArn=archive) == listed(NamePrefix=name) == names
    assert set(names) <= set(listed(State="COMPLETED"))
    assert listed(State="FAILED") == []
    first = events.list_replays(NamePrefix=name, Limit=2)
    second = events.list_replays(NamePrefix=name, Limit=2, NextToken=first["NextToken"])
    assert [one["ReplayName"] for page in (first, second) for one in page["Replays"]] == names
    assert refusal(events.list_replays, NamePrefix=name, State="COMPLETED") == (
        "ValidationException",
        400,
        "At most one filter is allowed for ListReplays. Use either : State, EventSourceArn, or NamePrefix.",
    )


def test_what_is_cancelled(events: Any, name: str, archive: str, bus: str) -> None:
    gone = ("ResourceNotFoundException", 400, f"Replay {name} does not exist.")
    assert refusal(events.cancel_replay, ReplayName=name) == gone
    assert refusal(events.describe_replay, ReplayName=name) == gone
    for _ in range(100):
        put(events, name, *range(10))
    for number in range(50):  # a replay may be faster than the call that would cancel it
        replay = f"{name}-{number}"
        start(events, replay, archive, bus)
        try:
            cancelled = events.cancel_replay(ReplayName=replay)
        except events.exceptions.IllegalStatusException:
            assert finished(events, replay)["State"] == "COMPLETED"
            continue
        assert (cancelled["ReplayArn"], cancelled["State"]) == (f"{PREFIX}replay/{replay}", "CANCELLING")
        assert finished(events, replay)["State"] == "CANCELLED"
        break
    assert events.list_replays(NamePrefix=replay)["Replays"][0]["State"] == "CANCELLED"
    assert refusal(events.cancel_replay, ReplayName=replay) == (
        "IllegalStatusException", 400, f"Replay {replay} is not in a valid state for this operation.",
    )  # fmt: skip
