"""The lives of the types of EventBridge."""

from __future__ import annotations

import json
from typing import Any

from type_lives import Drift, Life

BUS = {"Type": "AWS::Events::EventBus", "Properties": {"Name": "NAME-bus"}}
OTHER_BUS = {"Type": "AWS::Events::EventBus", "Properties": {"Name": "NAME-other-bus"}}
QUEUE = {"Type": "AWS::SQS::Queue"}


def basic(password: str) -> dict[str, Any]:
    return {"BasicAuthParameters": {"Username": "user", "Password": password}}


CONNECTION = {
    "Type": "AWS::Events::Connection",
    "Properties": {"AuthorizationType": "BASIC", "AuthParameters": basic("secret")},
}


def statement(account: str) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        "Action": "events:PutEvents",
        "Resource": {"Fn::GetAtt": ["Bus", "Arn"]},
    }


def bus_policy(client: Any, id: str, name: str) -> None:
    client("events").put_permission(
        EventBusName=f"{name}-bus", StatementId="own", Action="events:PutEvents", Principal="333333333333"
    )


LIVES = [
    Life(
        "AWS::Events::EventBus",
        {"Name": "NAME-own", "Description": "one", "Tags": [{"Key": "a", "Value": "1"}]},
        update={"Description": "two"},
        replacement={"Name": "NAME-other"},
        failing={"Name": "default"},
        drift=Drift(
            lambda client, id, name: client("events").update_event_bus(Name=id, Description="changed"),
            "/Description",
        ),
    ),
    Life(
        "AWS::Events::EventBusPolicy",
        {
            "EventBusName": {"Ref": "Bus"},
            "StatementId": "own",
            "Statement": statement("111111111111"),
        },
        update={"Statement": statement("222222222222")},
        replacement={"StatementId": "other"},
        failing={"EventBusName": "NAME-none"},
        drift=Drift(bus_policy, "/Statement/Principal/AWS"),
        around={"Bus": BUS},
    ),
    Life(
        "AWS::Events::Rule",
        {
            "EventBusName": {"Ref": "Bus"},
            "EventPattern": {"source": ["one"]},
            "Targets": [{"Id": "queue", "Arn": {"Fn::GetAtt": ["Queue", "Arn"]}}],
        },
        update={"EventPattern": {"source": ["two"]}, "State": "DISABLED"},
        replacement={"Name": "NAME-other"},
        failing={"EventPattern": {"source": "no list"}},
        drift=Drift(
            lambda client, id, name: client("events").enable_rule(
                EventBusName=id.split("|")[0], Name=id.split("|")[1]
            ),
            "/State",
        ),
        around={"Bus": BUS, "Queue": QUEUE},
    ),
    Life(
        "AWS::Events::Archive",
        {"SourceArn": {"Fn::GetAtt": ["Bus", "Arn"]}, "RetentionDays": "3"},
        update={"EventPattern": {"source": ["two"]}, "Description": "two"},
        replacement={"SourceArn": {"Fn::GetAtt": ["Other", "Arn"]}},
        failing={"SourceArn": "arn:aws:events:us-east-1:000000000000:event-bus/NAME-none"},
        drift=Drift(
            lambda client, id, name: client("events").update_archive(
                ArchiveName=id, EventPattern=json.dumps({"source": ["other"]})
            ),
            "/EventPattern/source/0",
        ),
        around={"Bus": BUS, "Other": OTHER_BUS},
    ),
    Life(
        "AWS::Events::Connection",
        {"AuthorizationType": "BASIC", "AuthParameters": basic("secret")},
        update={"Description": "two", "AuthParameters": basic("other")},
        replacement={"Name": "NAME-other"},
        failing={"AuthorizationType": "API_KEY"},
        drift=Drift(
            lambda client, id, name: client("events").update_connection(Name=id, Description="changed"),
            "/Description",
        ),
    ),
    Life(
        "AWS::Events::ApiDestination",
        {
            "ConnectionArn": {"Fn::GetAtt": ["Connection", "Arn"]},
            "HttpMethod": "POST",
            "InvocationEndpoint": "https://example.com/one",
        },
        update={"InvocationEndpoint": "https://example.com/two", "InvocationRateLimitPerSecond": "10"},
        replacement={"Name": "NAME-other"},
        failing={
            "ConnectionArn": "arn:aws:events:us-east-1:000000000000:connection/NAME-none/"
            "01234567-0123-0123-0123-0123456789ab"
        },
        drift=Drift(
            lambda client, id, name: client("events").update_api_destination(Name=id, HttpMethod="PUT"),
            "/HttpMethod",
        ),
        around={"Connection": CONNECTION},
    ),
    Life(
        "AWS::Events::Endpoint",
        {
            "EventBuses": [
                {"EventBusArn": f"arn:aws:events:{region}:000000000000:event-bus/default"}
                for region in ("us-east-1", "us-west-2")
            ],
            "ReplicationConfig": {"State": "DISABLED"},
            "RoutingConfig": {
                "FailoverConfig": {
                    "Primary": {
                        "HealthCheck": "arn:aws:route53:::healthcheck/01234567-0123-0123-0123-0123456789ab"
                    },
                    "Secondary": {"Route": "us-west-2"},
                }
            },
        },
        update={"Description": "two"},
        replacement={"Name": "NAME-other"},
        failing={
            "EventBuses": [
                {"EventBusArn": f"arn:aws:events:{region}:000000000000:event-bus/NAME-none"}
                for region in ("us-east-1", "us-west-2")
            ]
        },
        drift=Drift(
            lambda client, id, name: client("events").update_endpoint(Name=id, Description="changed"),
            "/Description",
        ),
    ),
]
