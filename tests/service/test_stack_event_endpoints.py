"""Connections, API destinations and global endpoints in a stack: made, changed, replaced, rolled back, deleted."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from aws_refusals import code_and_status
from waiting import wait_for

Client = Callable[..., Any]
BUS = "arn:aws:events:{region}:000000000000:event-bus/default"


def template(version: int, name: str, broken: bool = False) -> str:
    first = version == 1
    properties: dict[str, Any] = {
        "AuthorizationType": "BASIC" if first else "API_KEY",
        "AuthParameters": {
            "BasicAuthParameters": {"Username": "shop", "Password": 12345},
            "InvocationHttpParameters": {
                "HeaderParameters": [{"Key": "X-Shop", "Value": 7, "IsValueSecret": "false"}]
            },
        }
        if first
        else {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "hunter"}},
    }
    resources: dict[str, Any] = {
        "Connection": {
            "Type": "AWS::Events::Connection",
            "Properties": {**properties, **({"Description": "first"} if first else {})},
        },
        "Destination": {
            "Type": "AWS::Events::ApiDestination",
            "Properties": {
                "ConnectionArn": {"Fn::GetAtt": ["Connection", "Arn"]},
                "InvocationEndpoint": "https://shop.example.com/orders",
                "HttpMethod": "POST" if first else "PUT",
                **({"InvocationRateLimitPerSecond": "7", "Description": "first"} if first else {}),
            },
        },
        "Named": {
            "Type": "AWS::Events::ApiDestination",
            "Properties": {
                "Name": f"{name}-{version}",
                "ConnectionArn": {"Fn::GetAtt": ["Connection", "Arn"]},
                "InvocationEndpoint": "https://shop.example.com",
                "HttpMethod": "POST",
            },
        },
        "Endpoint": {
            "Type": "AWS::Events::Endpoint",
            "Properties": {
                "EventBuses": [{"EventBusArn": BUS.format(region=one)} for one in ("us-east-1", "us-west-2")],
                "ReplicationConfig": {"State": "DISABLED"},
                "RoutingConfig": {
                    "FailoverConfig": {
                        "Primary": {"HealthCheck": "arn:aws:route53:::healthcheck/abc"},
                        "Secondary": {"Route": "us-west-2"},
                    }
                },
                **({"Description": "first"} if first else {}),
            },
        },
    }
    if broken:
        resources["Broken"] = {
            "Type": "AWS::Events::ApiDestination",
            "DependsOn": ["Connection", "Destination"],
            "Properties": {
                "ConnectionArn": {"Fn::GetAtt": ["Connection", "Arn"]},
                "InvocationEndpoint": "http://shop.example.com",
                "HttpMethod": "POST",
            },
        }
    outputs = {
        "ConnectionArn": ["Connection", "Arn"],
        "ConnectionPolicy": ["Connection", "ArnForPolicy"],
        "Secret": ["Connection", "SecretArn"],
        "DestinationArn": ["Destination", "Arn"],
        "DestinationPolicy": ["Destination", "ArnForPolicy"],
        "EndpointArn": ["Endpoint", "Arn"],
        "EndpointId": ["Endpoint", "EndpointId"],
        "EndpointUrl": ["Endpoint", "EndpointUrl"],
        "EndpointState": ["Endpoint", "State"],
    }
    refs = ("Connection", "Destination", "Named", "Endpoint")
    return json.dumps(
        {
            "Resources": resources,
            "Outputs": {
                **{key: {"Value": {"Fn::GetAtt": path}} for key, path in outputs.items()},
                **{key: {"Value": {"Ref": key}} for key in refs},
            },
        }
    )


@pytest.fixture
def name() -> str:
    return f"endpoints-{uuid4().hex[:8]}"


def settled(client: Client, stack: str, status: str) -> dict[str, str]:
    """Wait until it is there; the outputs."""
    formation = client("cloudformation")

    def over() -> Any:
        found = formation.describe_stacks(StackName=stack)["Stacks"][0]
        return None if found["StackStatus"].endswith("IN_PROGRESS") else found

    found = wait_for(over)
    events = formation.describe_stack_events(StackName=stack)["StackEvents"]
    assert found["StackStatus"] == status, [
        (one["LogicalResourceId"], one.get("ResourceStatusReason")) for one in events
    ]
    return {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", ())}


def test_from_creation_to_deletion(client: Client, name: str) -> None:
    formation, events = client("cloudformation"), client("events")
    stack = formation.create_stack(StackName=name, TemplateBody=template(1, name))["StackId"]
    made = settled(client, stack, "CREATE_COMPLETE")
    connection = events.describe_connection(Name=made["Connection"])
    assert made["Connection"].startswith(f"{name}-Connection-")
    assert (made["ConnectionArn"], made["Secret"]) == (connection["ConnectionArn"], connection["SecretArn"])
    assert made["ConnectionPolicy"] == connection["ConnectionArn"].rpartition("/")[0]
    assert connection["AuthParameters"]["InvocationHttpParameters"] == {
        "HeaderParameters": [{"Key": "X-Shop", "Value": "7", "IsValueSecret": False}]
    }
    destination = events.describe_api_destination(Name=made["Destination"])
    assert (destination["ApiDestinationArn"], destination["ApiDestinationState"]) == (
        made["DestinationArn"], "ACTIVE",
    )  # fmt: skip
    assert made["DestinationPolicy"] == destination["ApiDestinationArn"].rpartition("/")[0]
    assert destination["InvocationRateLimitPerSecond"] == 7
    endpoint = events.describe_endpoint(Name=made["Endpoint"])
    assert [made[f"Endpoint{one}"] for one in ("Arn", "Id", "Url", "State")] == [
        endpoint["Arn"], endpoint["EndpointId"], endpoint["EndpointUrl"], "ACTIVE",
    ]  # fmt: skip

    formation.update_stack(StackName=name, TemplateBody=template(2, name))
    updated = settled(client, stack, "UPDATE_COMPLETE")
    assert {key for key in made if made[key] != updated[key]} == {"Named"}
    connection = events.describe_connection(Name=made["Connection"])
    assert connection["AuthorizationType"] == "API_KEY"
    assert connection["AuthParameters"] == {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key"}}
    assert not connection.get("Description")
    destination = events.describe_api_destination(Name=made["Destination"])
    assert (destination["HttpMethod"], destination["InvocationRateLimitPerSecond"]) == ("PUT", 300)
    assert not destination.get("Description")
    assert not events.describe_endpoint(Name=made["Endpoint"]).get("Description")
    assert (
        code_and_status(events.describe_api_destination, Name=f"{name}-1")[0] == "ResourceNotFoundException"
    )

    formation.delete_stack(StackName=name)
    settled(client, stack, "DELETE_COMPLETE")
    assert (
        code_and_status(events.describe_connection, Name=made["Connection"])[0] == "ResourceNotFoundException"
    )
    assert events.list_api_destinations(NamePrefix=name)["ApiDestinations"] == []
    assert code_and_status(events.describe_endpoint, Name=made["Endpoint"])[0] == "ResourceNotFoundException"


def test_an_update_that_fails_brings_back_what_was(client: Client, name: str) -> None:
    formation, events = client("cloudformation"), client("events")
    stack = formation.create_stack(StackName=name, TemplateBody=template(1, name))["StackId"]
    made = settled(client, stack, "CREATE_COMPLETE")
    before = events.describe_connection(Name=made["Connection"])["AuthParameters"]
    formation.update_stack(StackName=name, TemplateBody=template(2, name, broken=True))
    assert settled(client, stack, "UPDATE_ROLLBACK_COMPLETE") == made
    connection = events.describe_connection(Name=made["Connection"])
    assert (connection["AuthParameters"], connection["Description"]) == (before, "first")
    assert events.describe_api_destination(Name=made["Destination"])["InvocationRateLimitPerSecond"] == 7
    reasons = [
        one.get("ResourceStatusReason", "")
        for one in formation.describe_stack_events(StackName=stack)["StackEvents"]
        if one["LogicalResourceId"] == "Broken"
    ]
    assert any("InvocationEndpoint is not valid" in reason for reason in reasons)
    formation.delete_stack(StackName=name)
    settled(client, stack, "DELETE_COMPLETE")
