"""The lives of the types of CloudWatch Logs."""

from __future__ import annotations

import json
from typing import Any

from type_lives import Drift, Life
from type_lives.lambda_ import ARN, FUNCTION, REF, ROLE

PERMISSION = {
    "Type": "AWS::Lambda::Permission",
    "Properties": {"FunctionName": REF, "Action": "lambda:InvokeFunction", "Principal": "logs.amazonaws.com"},
}
PERMITTED = {"Fn::Select": [0, [ARN, {"Ref": "Permission"}]]}  # the function, after the permission


def change_pattern(client: Any, id: str, name: str) -> None:
    group = f"/{name}/subscribed"
    (found,) = client("logs").describe_subscription_filters(logGroupName=group)["subscriptionFilters"]
    client("logs").put_subscription_filter(
        logGroupName=group, filterName=id, filterPattern="other", destinationArn=found["destinationArn"]
    )


def policy(action: str) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": action,
        "Resource": "*",
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


LIVES = [
    Life(
        "AWS::Logs::LogGroup",
        {"RetentionInDays": "7", "Tags": [{"Key": "a", "Value": "1"}]},
        update={"RetentionInDays": 14},
        replacement={"LogGroupName": "/NAME/other"},
        failing={"LogGroupName": "no name?"},
        drift=Drift(
            lambda client, id, name: client("logs").put_retention_policy(logGroupName=id, retentionInDays=3),
            "/RetentionInDays",
        ),
    ),
    Life(
        "AWS::Logs::ResourcePolicy",
        {"PolicyName": "NAME", "PolicyDocument": policy("logs:PutLogEvents")},
        update={"PolicyDocument": policy("logs:CreateLogStream")},
        replacement={"PolicyName": "NAME-other"},
        failing={"PolicyDocument": "nonsense"},
        drift=Drift(
            lambda client, id, name: client("logs").put_resource_policy(
                policyName=id, policyDocument=policy("logs:PutLogEvents")
            ),
            "/PolicyDocument/Statement/0/Action",
        ),
    ),
    Life(
        "AWS::Logs::QueryDefinition",
        {"Name": "NAME/errors", "QueryString": "fields @message"},
        update={"QueryString": "fields @timestamp", "LogGroupNames": ["/NAME/one"]},
        replacement=None,
        failing={"Name": ""},
        drift=Drift(
            lambda client, id, name: client("logs").put_query_definition(
                queryDefinitionId=id, name="other", queryString="fields @timestamp"
            ),
            "/Name",
        ),
        why_not="no property of it is replaced on AWS",
    ),
    Life(
        "AWS::Logs::LogStream",
        {"LogGroupName": {"Ref": "Group"}},
        update=None,
        replacement={"LogStreamName": "NAME-other"},
        failing={"LogGroupName": "/NAME/none"},
        drift=None,
        around={"Group": {"Type": "AWS::Logs::LogGroup"}},
        why_not="a stream has nothing but its name",
    ),
    Life(
        "AWS::Logs::SubscriptionFilter",
        {"LogGroupName": {"Ref": "Group"}, "FilterPattern": "ERROR", "DestinationArn": PERMITTED},
        update={"FilterPattern": "WARNING"},
        replacement={"FilterName": "NAME-other"},
        failing={"FilterPattern": '"unfinished'},
        drift=Drift(change_pattern, "/FilterPattern"),
        around={
            "Group": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/NAME/subscribed"}},
            "Role": ROLE,
            "Function": FUNCTION,
            "Permission": PERMISSION,
        },
    ),
]
