"""A user with a policy for one resource of each service does what it may, and is refused the neighbour.

Each row is called twice: for `mine`, which exists or not and is not refused, and for `other`, which is. A request for
what does not exist fails too, but by the name of what is missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from nodes import RunningNode

ACCOUNT, REGION = "000000000000", "us-east-1"
PATTERN = '{"source":["shop"]}'
BUS, RULE = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus", f"arn:aws:events:{REGION}:{ACCOUNT}:rule"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function"
LAYER = f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer"
GROUP = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group"
STACK = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack"
IAM = f"arn:aws:iam::{ACCOUNT}"
DENIED = ("AccessDenied", "AccessDeniedException")
MAY = {
    "events": [
        f"{BUS}/mine",
        f"{RULE}/mine",
        f"{RULE}/mine/*",
        f"{BUS.replace('event-bus', 'archive')}/mine",
    ],
    "lambda": [f"{FUNCTION}:mine", f"{FUNCTION}:mine:*", f"{LAYER}:mine", f"{LAYER}:mine:*"],
    "logs": [f"{GROUP}:mine", f"{GROUP}:mine:*"],
    "cloudformation": [f"{STACK}/mine/*"],
    "iam": [f"{IAM}:{kind}/app/mine" for kind in ("role", "user", "group", "policy")],
    "sts": [f"{IAM}:role/app/mine"],
}
ROWS: list[tuple[str, str, dict[str, Any]]] = [
    ("events", "create_event_bus", {"Name": "%"}),
    ("events", "describe_event_bus", {"Name": "%"}),
    ("events", "describe_event_bus", {"Name": f"{BUS}/%"}),
    ("events", "put_rule", {"Name": "%", "EventPattern": PATTERN}),
    ("events", "put_rule", {"Name": "r", "EventBusName": "%", "EventPattern": PATTERN}),
    ("events", "put_rule", {"Name": "r", "EventBusName": f"{BUS}/%", "EventPattern": PATTERN}),
    ("events", "describe_rule", {"Name": "%"}),
    ("events", "put_targets", {"Rule": "%", "Targets": [{"Id": "1", "Arn": f"{FUNCTION}:f"}]}),
    ("events", "list_targets_by_rule", {"Rule": "%"}),
    ("events", "remove_targets", {"Rule": "%", "Ids": ["1"]}),
    ("events", "disable_rule", {"Name": "%"}),
    ("events", "enable_rule", {"Name": "%", "EventBusName": "default"}),
    ("events", "tag_resource", {"ResourceARN": f"{RULE}/%", "Tags": [{"Key": "a", "Value": "b"}]}),
    ("events", "tag_resource", {"ResourceARN": f"{RULE}/default/%", "Tags": [{"Key": "a", "Value": "b"}]}),
    ("events", "list_tags_for_resource", {"ResourceARN": f"{BUS}/%"}),
    ("events", "delete_rule", {"Name": "%", "Force": True}),
    ("events", "create_archive", {"ArchiveName": "%", "EventSourceArn": f"{BUS}/%"}),
    ("events", "create_archive", {"ArchiveName": "mine", "EventSourceArn": f"{BUS}/%"}),
    (
        "events",
        "put_events",
        {"Entries": [{"EventBusName": "%", "Source": "a", "DetailType": "b", "Detail": "{}"}]},
    ),
    ("lambda", "get_function", {"FunctionName": "%"}),
    ("lambda", "get_function", {"FunctionName": f"{FUNCTION}:%"}),
    ("lambda", "get_function", {"FunctionName": f"{ACCOUNT}:function:%"}),
    ("lambda", "get_function", {"FunctionName": "%:live"}),
    ("lambda", "invoke", {"FunctionName": "%"}),
    ("lambda", "invoke", {"FunctionName": "function:%", "Qualifier": "live"}),
    ("lambda", "invoke_with_response_stream", {"FunctionName": "%"}),
    ("lambda", "invoke_async", {"FunctionName": "%", "InvokeArgs": b"{}"}),
    ("lambda", "update_function_configuration", {"FunctionName": "%", "Timeout": 5}),
    ("lambda", "update_function_code", {"FunctionName": "%", "ZipFile": b"x"}),
    ("lambda", "put_function_concurrency", {"FunctionName": "%", "ReservedConcurrentExecutions": 1}),
    ("lambda", "create_alias", {"FunctionName": "%", "Name": "live", "FunctionVersion": "1"}),
    ("lambda", "publish_version", {"FunctionName": "%"}),
    (
        "lambda",
        "add_permission",
        {
            "FunctionName": "%",
            "StatementId": "s",
            "Action": "lambda:InvokeFunction",
            "Principal": "s3.amazonaws.com",
        },
    ),
    ("lambda", "get_policy", {"FunctionName": "%", "Qualifier": "live"}),
    ("lambda", "create_function_url_config", {"FunctionName": "%", "AuthType": "NONE"}),
    ("lambda", "list_tags", {"Resource": f"{FUNCTION}:%"}),
    ("lambda", "get_layer_version", {"LayerName": "%", "VersionNumber": 1}),
    ("lambda", "get_layer_version_by_arn", {"Arn": f"{LAYER}:%:1"}),
    ("lambda", "delete_layer_version", {"LayerName": f"{LAYER}:%", "VersionNumber": 1}),
    ("lambda", "delete_function", {"FunctionName": "%"}),
    ("logs", "create_log_group", {"logGroupName": "%"}),
    ("logs", "create_log_stream", {"logGroupName": "%", "logStreamName": "s"}),
    (
        "logs",
        "put_log_events",
        {"logGroupName": "%", "logStreamName": "s", "logEvents": [{"timestamp": 1, "message": "m"}]},
    ),
    ("logs", "get_log_events", {"logGroupName": "%", "logStreamName": "s"}),
    ("logs", "get_log_events", {"logGroupIdentifier": f"{GROUP}:%", "logStreamName": "s"}),
    ("logs", "filter_log_events", {"logGroupName": "%"}),
    ("logs", "describe_log_streams", {"logGroupName": "%"}),
    ("logs", "put_retention_policy", {"logGroupName": "%", "retentionInDays": 1}),
    ("logs", "tag_resource", {"resourceArn": f"{GROUP}:%", "tags": {"a": "b"}}),
    ("logs", "list_tags_log_group", {"logGroupName": "%"}),
    ("logs", "describe_subscription_filters", {"logGroupName": "%"}),
    ("logs", "delete_log_stream", {"logGroupName": "%", "logStreamName": "s"}),
    ("logs", "delete_log_group", {"logGroupName": "%"}),
    ("cloudformation", "create_stack", {"StackName": "%", "TemplateBody": "{}"}),
    ("cloudformation", "update_stack", {"StackName": "%", "TemplateBody": "{}"}),
    ("cloudformation", "describe_stacks", {"StackName": "%"}),
    ("cloudformation", "describe_stacks", {"StackName": f"{STACK}/%/0123"}),
    ("cloudformation", "create_change_set", {"StackName": "%", "ChangeSetName": "c", "TemplateBody": "{}"}),
    ("cloudformation", "describe_change_set", {"StackName": "%", "ChangeSetName": "c"}),
    ("cloudformation", "execute_change_set", {"StackName": "%", "ChangeSetName": "c"}),
    ("cloudformation", "get_template", {"StackName": "%"}),
    ("cloudformation", "list_stack_resources", {"StackName": "%"}),
    ("cloudformation", "describe_stack_events", {"StackName": "%"}),
    ("cloudformation", "set_stack_policy", {"StackName": "%", "StackPolicyBody": "{}"}),
    ("cloudformation", "detect_stack_drift", {"StackName": "%"}),
    ("cloudformation", "delete_stack", {"StackName": "%"}),
    ("iam", "create_role", {"RoleName": "%", "Path": "/app/", "AssumeRolePolicyDocument": "{}"}),
    ("iam", "get_role", {"RoleName": "%"}),
    ("iam", "put_role_policy", {"RoleName": "%", "PolicyName": "p", "PolicyDocument": "{}"}),
    (
        "iam",
        "attach_role_policy",
        {"RoleName": "%", "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"},
    ),
    ("iam", "update_assume_role_policy", {"RoleName": "%", "PolicyDocument": "{}"}),
    ("iam", "tag_role", {"RoleName": "%", "Tags": [{"Key": "a", "Value": "b"}]}),
    ("iam", "get_user", {"UserName": "%"}),
    ("iam", "create_access_key", {"UserName": "%"}),
    ("iam", "put_user_policy", {"UserName": "%", "PolicyName": "p", "PolicyDocument": "{}"}),
    ("iam", "update_user", {"UserName": "%", "NewPath": "/app/"}),
    ("iam", "update_user", {"UserName": "mine", "NewUserName": "%", "NewPath": "/app/"}),
    ("iam", "add_user_to_group", {"GroupName": "%", "UserName": "other"}),
    ("iam", "create_policy", {"PolicyName": "%", "Path": "/app/", "PolicyDocument": "{}"}),
    ("iam", "create_policy_version", {"PolicyArn": f"{IAM}:policy/app/%", "PolicyDocument": "{}"}),
    ("sts", "assume_role", {"RoleArn": f"{IAM}:role/app/%", "RoleSessionName": "me"}),
]


@pytest.fixture(scope="module")
def node() -> Iterator[RunningNode]:
    running = RunningNode(environ={"NIGHTBUS_AUTHORIZATION": "enforce"})
    iam = running.client("iam")
    for name in ("mine", "other"):
        trusting = statement("sts:AssumeRole", Principal={"AWS": f"{IAM}:root"})
        iam.create_role(RoleName=name, Path="/app/", AssumeRolePolicyDocument=trusting)
        iam.create_user(UserName=name, Path="/app/")
        iam.create_group(GroupName=name, Path="/app/")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def keys(node: RunningNode) -> dict[str, str]:
    """The access key of a user who may do everything with `mine`, and nothing with anything else."""
    allowed = [
        {"Effect": "Allow", "Action": f"{service}:*", "Resource": arns} for service, arns in MAY.items()
    ]
    document = json.dumps({"Version": "2012-10-17", "Statement": allowed})
    return user_keys(node, "clerk", document)


def statement(action: str | list[str], resource: str | list[str] | None = None, **more: Any) -> str:
    one = {
        "Effect": "Allow",
        "Action": action,
        **({} if resource is None else {"Resource": resource}),
        **more,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [one]})


def user_keys(node: RunningNode, name: str, document: str) -> dict[str, str]:
    iam = node.client("iam")
    iam.create_user(UserName=name)
    arn = iam.create_policy(PolicyName=name, PolicyDocument=document)["Policy"]["Arn"]
    iam.attach_user_policy(UserName=name, PolicyArn=arn)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}


def refusal(client: Any, operation: str, params: Mapping[str, Any]) -> str:
    """Call and return the code of the refusal, "" if the caller may do it, whether it succeeds or not."""
    try:
        reply = getattr(client, operation)(**params)
    except ClientError as error:
        code = str(error.response["Error"]["Code"])
        return code if code in DENIED else ""
    entries = reply.get("Entries") or [{}]
    return str(entries[0].get("ErrorCode", "")) if operation == "put_events" else ""


def filled(value: Any, name: str) -> Any:
    if isinstance(value, str):
        return value.replace("%", name)
    if isinstance(value, dict):
        return {key: filled(one, name) for key, one in value.items()}
    return [filled(one, name) for one in value] if isinstance(value, list) else value


def test_one_resource_only(node: RunningNode, keys: dict[str, str]) -> None:
    clients = {service: node.client(service, **keys) for service in MAY}
    wrong = []
    for service, operation, params in ROWS:
        for name, expected in ("other", True), ("mine", False):
            code = refusal(clients[service], operation, filled(params, name))
            if bool(code) is not expected:
                wrong.append(f"{service} {operation} {filled(params, name)}: {code or 'not refused'}")
    assert wrong == []
