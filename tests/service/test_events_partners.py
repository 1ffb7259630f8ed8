"""EventBridge by boto3: partner event sources, from the partner's side and from that of who receives the events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from botocore.config import Config

from aws_refusals import code_and_status, refusal
from events_rig import ACCOUNT, Listener

Client = Callable[..., Any]
PARTNER = "400000000021"


@pytest.fixture
def partner(client: Client) -> Any:
    return client("events", account=PARTNER)


@pytest.fixture
def events(client: Client) -> Any:
    return client("events")


@pytest.fixture
def name(partner: Any) -> str:
    """Of a source that was offered to the customer."""
    found = f"aws.partner/shop.example/{uuid4().hex[:8]}/orders"
    reply = partner.create_partner_event_source(Name=found, Account=ACCOUNT)
    assert reply["EventSourceArn"] == f"arn:aws:events:us-east-1::event-source/{found}"
    return found


def put(partner: Any, name: str, **more: Any) -> dict[str, Any]:
    entry = {"Source": name, "DetailType": "order", "Detail": '{"n": 1}', **more}
    return dict(partner.put_partner_events(Entries=[entry])["Entries"][0])


def state(events: Any, name: str) -> str:
    return str(events.describe_event_source(Name=name)["State"])


def test_a_source_from_its_offer_to_its_end(client: Client, partner: Any, events: Any, name: str) -> None:
    source = events.describe_event_source(Name=name)
    assert (source["State"], source["CreatedBy"]) == ("PENDING", "shop.example")
    assert (source["ExpirationTime"] - source["CreationTime"]).days == 14
    (offer,) = partner.list_partner_event_source_accounts(EventSourceName=name)["PartnerEventSourceAccounts"]
    assert (offer["Account"], offer["State"]) == (ACCOUNT, "PENDING")
    put(partner, name, Detail='{"n": "nobody listens"}')

    arn = events.create_event_bus(Name=name, EventSourceName=name)["EventBusArn"]
    assert arn == f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/{name}"
    assert state(events, name) == "ACTIVE"
    assert "ExpirationTime" not in events.describe_event_source(Name=name)
    listener = Listener(client, {"source": [name], "account": [ACCOUNT]}, bus=name)
    taken = put(partner, name, Resources=["arn:aws:x:::y"])
    (heard,) = listener.heard(1)
    assert (heard["id"], heard["resources"]) == (taken["EventId"], ["arn:aws:x:::y"])
    assert events.describe_rule(Name=listener.name, EventBusName=name)["Arn"].endswith(
        f"rule/{name}/{listener.name}"
    )

    events.deactivate_event_source(Name=name)
    assert state(events, name) == "PENDING"
    put(partner, name, Detail='{"n": "deactivated"}')
    events.activate_event_source(Name=name)
    put(partner, name, Detail='{"n": 2}')
    assert [one["detail"]["n"] for one in listener.heard(2)] == [1, 2]

    partner.delete_partner_event_source(Name=name, Account=ACCOUNT)
    partner.delete_partner_event_source(Name=name, Account=ACCOUNT)
    assert state(events, name) == "DELETED"
    assert put(partner, name)["ErrorCode"] == "NotAuthorizedForSourceException"
    for call in (events.activate_event_source, events.deactivate_event_source):
        assert code_and_status(call, Name=name) == ("InvalidStateException", 400)
    again = code_and_status(events.create_event_bus, Name=name, EventSourceName=name)
    assert again == ("InvalidStateException", 400)
    events.remove_targets(Rule=listener.name, EventBusName=name, Ids=["log"])
    events.delete_rule(Name=listener.name, EventBusName=name)
    events.delete_event_bus(Name=name)
    assert code_and_status(events.describe_event_source, Name=name) == ("ResourceNotFoundException", 400)


def test_a_bus_that_goes_leaves_its_source_waiting(events: Any, name: str) -> None:
    events.create_event_bus(Name=name, EventSourceName=name)
    events.delete_event_bus(Name=name)
    assert state(events, name) == "PENDING"
    assert code_and_status(events.activate_event_source, Name=name) == ("InvalidStateException", 400)
    events.create_event_bus(Name=name, EventSourceName=name)
    assert state(events, name) == "ACTIVE"


def test_one_source_for_several_accounts(client: Client, partner: Any, events: Any, name: str) -> None:
    other = "400000000022"
    partner.create_partner_event_source(Name=name, Account=other)
    theirs = client("events", account=other)
    listeners = []
    for account, customer in ((ACCOUNT, events), (other, theirs)):
        customer.create_event_bus(Name=name, EventSourceName=name)
        listeners.append(Listener(client, {"account": [account]}, bus=name, account=account))
    taken = put(partner, name)
    assert [listener.heard(1)[0]["id"] for listener in listeners] == [taken["EventId"]] * 2
    accounts = partner.list_partner_event_source_accounts(EventSourceName=name)["PartnerEventSourceAccounts"]
    assert [(one["Account"], one["State"]) for one in accounts] == [(ACCOUNT, "ACTIVE"), (other, "ACTIVE")]


def test_sources_are_listed_to_both_sides(partner: Any, events: Any, name: str) -> None:
    second = f"{name}-2"
    partner.create_partner_event_source(Name=second, Account=ACCOUNT)
    assert partner.describe_partner_event_source(Name=name)["Name"] == name
    listed = partner.list_partner_event_sources(NamePrefix=name)["PartnerEventSources"]
    assert [one["Name"] for one in listed] == [name, second]
    page = events.list_event_sources(NamePrefix=name, Limit=1)
    assert [one["Name"] for one in page["EventSources"]] == [name]
    rest = events.list_event_sources(NamePrefix=name, NextToken=page["NextToken"])
    assert [one["Name"] for one in rest["EventSources"]] == [second]


def test_what_cannot_be_is_refused(client: Client, partner: Any, events: Any, name: str) -> None:
    absent = "aws.partner/shop.example/none/none"
    taken = code_and_status(partner.create_partner_event_source, Name=name, Account=ACCOUNT)
    assert taken == ("ResourceAlreadyExistsException", 400)
    rival = client("events", account="400000000023")
    taken = code_and_status(rival.create_partner_event_source, Name=name, Account=ACCOUNT)
    assert taken == ("ResourceAlreadyExistsException", 400)
    for call, member in (
        (partner.describe_partner_event_source, "Name"),
        (partner.list_partner_event_source_accounts, "EventSourceName"),
        (events.describe_event_source, "Name"),
        (events.activate_event_source, "Name"),
        (events.deactivate_event_source, "Name"),
    ):
        assert code_and_status(call, **{member: absent}) == ("ResourceNotFoundException", 400)
    refused = code_and_status(events.create_event_bus, Name=absent, EventSourceName=absent)
    assert refused == ("ResourceNotFoundException", 400)
    refused = code_and_status(events.create_event_bus, Name="other", EventSourceName=name)
    assert refused == ("ValidationException", 400)
    assert refusal(events.create_event_bus, Name=name)[0] == "ValidationException"
    assert code_and_status(events.deactivate_event_source, Name=name) == ("InvalidStateException", 400)
    assert code_and_status(events.activate_event_source, Name=name) == ("InvalidStateException", 400)
    assert put(rival, name)["ErrorCode"] == "NotAuthorizedForSourceException"
    assert put(partner, name, Detail="[]")["ErrorCode"] == "MalformedDetail"


@pytest.mark.parametrize("count", [0, 21])
def test_a_call_has_one_to_twenty_entries(client: Client, name: str, count: int) -> None:
    unchecked = Config(parameter_validation=False, retries={"total_max_attempts": 1})
    partner = client("events", account=PARTNER, config=unchecked)
    entry = {"Source": name, "DetailType": "order", "Detail": "{}"}
    refused = code_and_status(partner.put_partner_events, Entries=[entry] * count)
    assert refused == ("ValidationException", 400)
    partner.put_partner_events(Entries=[entry] * 20)


def test_an_entry_without_a_source_is_refused_by_itself(partner: Any, name: str) -> None:
    reply = partner.put_partner_events(Entries=[{"DetailType": "order", "Detail": "{}"}, {"Source": name}])
    assert [one["ErrorCode"] for one in reply["Entries"]] == ["InvalidArgument", "InvalidArgument"]
    assert reply["FailedEntryCount"] == 2
