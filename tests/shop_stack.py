"""A small stack for the tests of the API: a rule, a function that may fail, queues, a topic and an archive."""

from __future__ import annotations

import json
import sys
from typing import Any

ACCOUNT = "828282828282"
NAME = "shop"
CODE = """
import json, os
import boto3

def handler(event, context):
    records = event.get("Records")
    if records:
        bodies = [one["body"] for one in records]
        print("got", bodies)
        if "bad" in bodies:
            raise ValueError("a bad message")
        return
    detail = event.get("detail", event)
    if detail.get("fail"):
        raise KeyError("order")
    if detail.get("publish"):
        entry = {"Source": "shop.invoices", "DetailType": "Invoice", "Detail": "{}", "EventBusName": os.environ["BUS"]}
        boto3.client("events").put_events(Entries=[entry])
    return {"done": True}
"""
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
_EVENTS = {"Service": "events.amazonaws.com"}
TEMPLATE: dict[str, Any] = {
    "Description": "A shop",
    "Parameters": {
        "Secret": {"Type": "String", "NoEcho": True, "Default": "hidden"},
        "Stage": {"Type": "String", "Default": "test"},
    },
    "Resources": {
        "Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": "shop"}},
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": TRUST,
                "Policies": [{"PolicyName": "all", "PolicyDocument": ALL}],
            },
        },
        "Dead": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "shop-dead"}},
        "DeadOfWork": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "shop-dead-work"}},
        "Work": {
            "Type": "AWS::SQS::Queue",
            "Properties": {
                "QueueName": "shop-work",
                "VisibilityTimeout": 5,
                "RedrivePolicy": {
                    "deadLetterTargetArn": {"Fn::GetAtt": ["DeadOfWork", "Arn"]},
                    "maxReceiveCount": 1,
                },
            },
        },
        "Topic": {
            "Type": "AWS::SNS::Topic",
            "Properties": {
                "TopicName": "shop-news",
                "Subscription": [{"Protocol": "sqs", "Endpoint": {"Fn::GetAtt": ["Work", "Arn"]}}],
            },
        },
        "Orders": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "FunctionName": "shop-orders",
                "Runtime": f"python3.{sys.version_info.minor}",
                "Handler": "index.handler",
                "Timeout": 5,
                "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                "Code": {"ZipFile": CODE},
                "DeadLetterConfig": {"TargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}},
                "Environment": {"Variables": {"BUS": {"Ref": "Bus"}, "TOKEN": {"Ref": "Secret"}}},
            },
        },
        "Once": {
            "Type": "AWS::Lambda::EventInvokeConfig",
            "Properties": {
                "FunctionName": {"Ref": "Orders"},
                "Qualifier": "$LATEST",
                "MaximumRetryAttempts": 0,
            },
        },
        "Source": {
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {
                "FunctionName": {"Ref": "Orders"},
                "EventSourceArn": {"Fn::GetAtt": ["Work", "Arn"]},
                "BatchSize": 1,
            },
        },
        "Rule": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "Name": "orders",
                "EventBusName": {"Ref": "Bus"},
                "EventPattern": {"source": ["shop.orders"]},
                "Targets": [{"Id": "f", "Arn": {"Fn::GetAtt": ["Orders", "Arn"]}}],
            },
        },
        "Permission": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "FunctionName": {"Ref": "Orders"},
                "Action": "lambda:InvokeFunction",
                "Principal": "events.amazonaws.com",
            },
        },
        "Nightly": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "Name": "nightly",
                "State": "DISABLED",
                "ScheduleExpression": "rate(1 day)",
                "Targets": [{"Id": "q", "Arn": {"Fn::GetAtt": ["Work", "Arn"]}}],
            },
        },
        "Archive": {
            "Type": "AWS::Events::Archive",
            "Properties": {"ArchiveName": "shop", "SourceArn": {"Fn::GetAtt": ["Bus", "Arn"]}},
        },
    },
    "Outputs": {"Function": {"Value": {"Fn::GetAtt": ["Orders", "Arn"]}, "Description": "takes orders"}},
}


def template() -> str:
    return json.dumps(TEMPLATE)


def arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:us-east-1:{ACCOUNT}:{resource}"


FUNCTION = arn("lambda", "function:shop-orders")
BUS = arn("events", "event-bus/shop")
RULE = arn("events", "rule/shop/orders")
WORK, DEAD, DEAD_OF_WORK = (arn("sqs", name) for name in ("shop-work", "shop-dead", "shop-dead-work"))
