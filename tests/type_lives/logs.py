"""The lives of the types of CloudWatch Logs."""

from __future__ import annotations

import json

from type_lives import Drift, Life


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
]
