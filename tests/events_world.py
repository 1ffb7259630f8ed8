"""Makes the world in which the documented errors of EventBridge are provoked (tests/events_errors.py)."""

from __future__ import annotations

from typing import Any

from botocore import xform_name

from events_errors import (
    ACCOUNT,
    CONNECTION,
    CONNECTION_ARN,
    DESTINATION,
    ENDPOINT,
    PATTERN,
    PREFIX,
    REPLAY,
    SOURCE,
    TARGET,
)
from nodes import RunningNode
from waiting import wait_for


def make_world(node: RunningNode) -> Any:
    """The client to which it belongs."""
    events = node.client("events", account=ACCOUNT)
    for one in (events, node.client("events", account=ACCOUNT, region="us-west-2")):
        one.create_event_bus(Name="shop")
    events.put_rule(Name="r", EventBusName="shop", EventPattern=PATTERN)
    events.put_targets(Rule="r", EventBusName="shop", Targets=[TARGET])
    events.create_archive(ArchiveName="kept", EventSourceArn=f"{PREFIX}event-bus/shop")
    events.create_endpoint(**ENDPOINT)
    events.create_partner_event_source(Name=SOURCE, Account=ACCOUNT)
    events.create_connection(**CONNECTION)
    call(events, "CreateApiDestination", **DESTINATION)
    events.start_replay(**REPLAY)
    wait_for(lambda: events.describe_replay(ReplayName=REPLAY["ReplayName"])["State"] == "COMPLETED")
    return events


def call(events: Any, operation: str, **params: Any) -> Any:
    if params.get("ConnectionArn") == CONNECTION_ARN:
        params["ConnectionArn"] = events.describe_connection(Name=CONNECTION["Name"])["ConnectionArn"]
    return getattr(events, xform_name(operation))(**params)
