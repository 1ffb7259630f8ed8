"""What the operations of CloudWatch Logs, CloudFormation and the Cloud Control API need."""

from __future__ import annotations

from typing import Any

import pytest

from actions_rig import ACCOUNT, OTHER, REGION, keys, pairs

GROUP = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/a/b"
STACK = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/s/0123"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"


@pytest.mark.parametrize(
    ("operation", "params", "expected"),
    [
        ("PutLogEvents", {"logGroupName": "/a/b", "logStreamName": "s"}, "log-group:/a/b:log-stream:s"),
        ("GetLogEvents", {"logGroupIdentifier": GROUP, "logStreamName": "s"}, "log-group:/a/b:log-stream:s"),
        ("FilterLogEvents", {"logGroupName": "/a/b"}, "log-group:/a/b:log-stream:"),
        ("FilterLogEvents", {"logGroupIdentifier": f"{GROUP}:*"}, "log-group:/a/b:log-stream:"),
        ("DescribeLogStreams", {"logGroupIdentifier": "/a/b"}, "log-group:/a/b:log-stream:"),
        ("AssociateKmsKey", {"resourceIdentifier": GROUP}, "log-group:/a/b:log-stream:"),
        ("TagResource", {"resourceArn": f"{GROUP}:*", "tags": {"a": "b"}}, "log-group:/a/b"),
        ("DescribeLogGroups", {"logGroupNamePrefix": "/a"}, "log-group::log-stream:"),
        ("PutResourcePolicy", {"policyName": "p"}, "*"),
        (
            "FilterLogEvents",
            {"logGroupIdentifier": GROUP.replace(ACCOUNT, OTHER)},
            "log-group:/a/b:log-stream:",
        ),
    ],
)
def test_logs(operation: str, params: dict[str, Any], expected: str) -> None:
    assert pairs("logs", operation, **params) == [(operation, expected)]


def test_a_log_group_with_tags_needs_their_action_too() -> None:
    assert pairs("logs", "CreateLogGroup", logGroupName="g", tags={"A": "b"}) == [
        ("CreateLogGroup", "log-group:g:log-stream:"),
        ("TagResource", "log-group:g"),
    ]
    assert keys("logs", "CreateLogGroup", logGroupName="g", tags={"A": "b"})["aws:requesttag/a"] == "b"


@pytest.mark.parametrize(
    ("operation", "params", "expected"),
    [
        ("CreateStack", {"StackName": "s"}, [("CreateStack", "stack/s/*")]),
        (
            "UpdateStack",
            {"StackName": STACK, "RoleARN": ROLE},
            [("UpdateStack", "stack/s/0123"), ("iam:PassRole", ROLE)],
        ),
        ("DescribeStacks", {"StackName": "s"}, [("DescribeStacks", "stack/s/*")]),
        ("DescribeStacks", {}, [("DescribeStacks", "stack/*/*"), ("ListStacks", "stack/*/*")]),
        ("ListExports", {}, [("ListExports", "*")]),
        ("DeleteStackSet", {"StackSetName": "t"}, [("DeleteStackSet", "stackset/t:*")]),
        ("GetTemplateSummary", {"TemplateBody": "{}"}, [("GetTemplateSummary", "*")]),
        ("ValidateTemplate", {"TemplateURL": "https://x"}, [("ValidateTemplate", "*")]),
    ],
)
def test_stacks(operation: str, params: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert pairs("cloudformation", operation, **params) == expected


def test_condition_keys_of_stacks() -> None:
    url = keys(
        "cloudformation", "CreateStack", StackName="s", TemplateURL="https://x", ResourceTypes=["AWS::SQS::*"]
    )
    assert url["cloudformation:templateurl"] == "https://x"
    assert url["cloudformation:resourcetypes"] == ("AWS::SQS::*",)
    arn = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:changeSet/c/0123"
    for name in ("c", arn):
        found = keys("cloudformation", "ExecuteChangeSet", StackName="s", ChangeSetName=name)
        assert found == {"cloudformation:changesetname": "c"}


def test_cloud_control() -> None:
    assert pairs("cloudcontrol", "CreateResource", TypeName="AWS::SQS::Queue", RoleArn=ROLE) == [
        ("cloudformation:CreateResource", "*"),
        ("iam:PassRole", ROLE),
    ]
    assert pairs("cloudcontrol", "ListResourceRequests") == [("cloudformation:ListResourceRequests", "*")]
