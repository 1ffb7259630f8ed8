"""What a user may not do, it may not do by another operation, another spelling, a stack, or a role it may not pass."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from nodes import RunningNode
from users import OTHER_ACCOUNT
from users import User as Caller
from waiting import wait_for

ACCOUNT, REGION = "000000000000", "us-east-1"
IAM = f"arn:aws:iam::{ACCOUNT}"
LOGS = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function"
BUS = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus"
PATTERN = '{"source":["shop"]}'
STACK = '{"Resources":{"Q":{"Type":"AWS::SQS::Queue"}}}'
DENIED = ("AccessDenied", "AccessDeniedException")


@pytest.fixture(scope="module")
def node() -> Iterator[RunningNode]:
    running = RunningNode(environ={"NIGHTBUS_AUTHORIZATION": "enforce"})
    iam = running.client("iam")
    services = [f"{name}.amazonaws.com" for name in ("lambda", "events", "cloudformation")]
    trusting = document("sts:AssumeRole", Principal={"Service": services})
    for name, path in ("admin", "/"), ("worker", "/dev/"):
        iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=trusting)
    iam.put_role_policy(RoleName="admin", PolicyName="all", PolicyDocument=document("*", "*"))
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("app.py", "def handler(event, context):\n    return 1\n")
    running.client("lambda").create_function(
        FunctionName="f",
        Runtime="python3.11",
        Role=f"{IAM}:role/admin",
        Handler="app.handler",
        Code={"ZipFile": code.getvalue()},
    )
    running.client("logs").create_log_group(logGroupName="secret")
    running.client("events").create_event_bus(Name="orders")
    yield running
    running.stop()


def document(action: str | list[str], resource: str | list[str] | None = None, **more: Any) -> str:
    one = {
        "Effect": "Allow",
        "Action": action,
        **({} if resource is None else {"Resource": resource}),
        **more,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [one]})


class User:
    """A user with one policy."""

    def __init__(
        self, node: RunningNode, name: str, *statements: tuple[str | list[str], str | list[str]]
    ) -> None:
        iam = node.client("iam")
        iam.create_user(UserName=name)
        allowed = [json.loads(document(*one))["Statement"][0] for one in statements]
        whole = json.dumps({"Version": "2012-10-17", "Statement": allowed})
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=whole)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        self._keys = {
            "aws_access_key_id": key["AccessKeyId"],
            "aws_secret_access_key": key["SecretAccessKey"],
        }
        self._node = node

    def client(self, service: str, **more: Any) -> Any:
        return self._node.client(service, **self._keys, **more)


def refused(call: Callable[..., Any], /, **params: Any) -> str:
    """Return the text of the refusal."""
    with pytest.raises(ClientError) as error:
        call(**params)
    assert error.value.response["Error"]["Code"] in DENIED, error.value
    return str(error.value)


def test_a_role_is_passed_by_its_own_path_only(node: RunningNode) -> None:
    statements = (["lambda:*", "events:*", "cloudformation:*"], "*"), ("iam:PassRole", f"{IAM}:role/dev/*")
    user = User(node, "passer", *statements)
    lambda_, events, stacks = user.client("lambda"), user.client("events"), user.client("cloudformation")
    events.put_rule(Name="r", EventPattern=PATTERN)
    admin = f"{IAM}:role/admin"
    target = {"Id": "1", "Arn": f"{BUS}/orders", "RoleArn": admin}
    for call, params in (
        (lambda_.update_function_configuration, {"FunctionName": "f", "Role": admin}),
        (events.put_rule, {"Name": "r", "EventPattern": PATTERN, "RoleArn": admin}),
        (
            events.put_targets,
            {"Rule": "r", "Targets": [{**target, "RoleArn": f"{IAM}:role/dev/worker"}, target]},
        ),
        (stacks.create_stack, {"StackName": "s", "TemplateBody": STACK, "RoleARN": admin}),
        (
            stacks.create_change_set,
            {"StackName": "s", "ChangeSetName": "c", "TemplateBody": STACK, "RoleARN": admin},
        ),
        (stacks.delete_stack, {"StackName": "s", "RoleARN": admin}),
    ):
        assert f"iam:PassRole on resource: {admin}" in refused(call, **params)


def test_a_policy_for_one_qualifier_is_not_for_another(node: RunningNode) -> None:
    lambda_ = User(node, "caller", ("lambda:*", f"{FUNCTION}:f:live")).client("lambda")
    for name in "f", "f:$LATEST", "function:f", f"{FUNCTION}:f", f"{ACCOUNT}:function:f:other":
        refused(lambda_.invoke, FunctionName=name)
    refused(lambda_.invoke, FunctionName="f", Qualifier="other")
    refused(lambda_.get_function, FunctionName=f"{FUNCTION}:f".replace("arn:aws:", "arn:aws-cn:"))
    with pytest.raises(ClientError, match=r"Cannot find alias|Function not found"):
        lambda_.invoke(FunctionName="f", Qualifier="live")


def test_the_arn_of_another_account_or_region_is_no_way_to_a_log_group(node: RunningNode) -> None:
    other = [LOGS.replace(ACCOUNT, "111111111111") + ":*", LOGS.replace(REGION, "eu-west-1") + ":*"]
    logs = User(node, "reader", ("logs:*", other)).client("logs")
    for prefix in LOGS, LOGS.replace(ACCOUNT, "111111111111"), LOGS.replace(REGION, "eu-west-1"):
        refused(logs.filter_log_events, logGroupIdentifier=f"{prefix}:secret")
        refused(logs.tag_resource, resourceArn=f"{prefix}:secret", tags={"a": "b"})


def test_a_stack_may_do_what_its_caller_may(node: RunningNode) -> None:
    user = User(node, "deployer", ("cloudformation:*", "*"))
    stacks = user.client("cloudformation")
    stacks.create_stack(StackName="quiet", TemplateBody=STACK, OnFailure="DO_NOTHING")
    with pytest.raises(Exception, match="CREATE_FAILED"):
        stacks.get_waiter("stack_create_complete").wait(
            StackName="quiet", WaiterConfig={"Delay": 1, "MaxAttempts": 30}
        )
    events = stacks.describe_stack_events(StackName="quiet")["StackEvents"]
    reasons = " ".join(one.get("ResourceStatusReason", "") for one in events)
    assert "user/deployer is not authorized to perform: sqs:" in reasons


def test_the_cloud_control_api_may_do_what_its_caller_may(node: RunningNode) -> None:
    control = User(node, "controller", ("cloudformation:*", "*")).client("cloudcontrol")
    reply = control.create_resource(TypeName="AWS::SQS::Queue", DesiredState="{}")
    token = reply["ProgressEvent"]["RequestToken"]
    with pytest.raises(Exception, match="FAILED"):
        control.get_waiter("resource_request_success").wait(
            RequestToken=token, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
        )
    event = control.get_resource_request_status(RequestToken=token)["ProgressEvent"]
    assert event["ErrorCode"] == "AccessDenied"


def test_a_user_gives_itself_nothing(node: RunningNode) -> None:
    own = f"{IAM}:user/climber"
    iam = User(node, "climber", (["iam:Get*", "iam:List*", "iam:UpdateUser"], own)).client("iam")
    assert iam.get_user()["User"]["UserName"] == "climber"
    admin = "arn:aws:iam::aws:policy/AdministratorAccess"
    for call, params in (
        (iam.attach_user_policy, {"UserName": "climber", "PolicyArn": admin}),
        (
            iam.put_user_policy,
            {"UserName": "climber", "PolicyName": "p", "PolicyDocument": document("*", "*")},
        ),
        (iam.create_access_key, {}),
        (iam.create_access_key, {"UserName": "CLIMBER"}),
        (iam.update_user, {"UserName": "climber", "NewUserName": "admin"}),
        (iam.update_user, {"UserName": "climber", "NewPath": "/boss/"}),
        (iam.add_user_to_group, {"GroupName": "g", "UserName": "climber"}),
        (iam.update_assume_role_policy, {"RoleName": "admin", "PolicyDocument": document("*", "*")}),
    ):
        refused(call, **params)
    sts = User(node, "assumer", ("lambda:*", "*")).client("sts")
    refused(sts.assume_role, RoleArn=f"{IAM}:role/admin", RoleSessionName="me")
    assert sts.get_caller_identity()["Arn"].endswith("user/assumer")


def test_a_batch_is_judged_entry_by_entry(node: RunningNode) -> None:
    events = User(node, "seller", ("events:PutEvents", f"{BUS}/orders")).client("events")
    good = {"EventBusName": "orders", "Source": "shop", "DetailType": "d", "Detail": "{}"}
    assert events.put_events(Entries=[good])["FailedEntryCount"] == 0
    refused(events.put_events, Entries=[good, {**good, "EventBusName": "default"}])
    refused(events.put_events, Entries=[{**good, "EventBusName": f"{BUS}/default"}])


def test_a_rule_s_role_invokes_only_functions_that_it_may(node: RunningNode) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html"""
    events, sqs = node.client("events"), node.client("sqs")
    url = sqs.create_queue(QueueName="not-invoked")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = document("sqs:SendMessage", arn, Principal={"Service": "events.amazonaws.com"})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    events.put_rule(Name="invokes", EventPattern='{"source":["roles"]}')
    targets = [
        {
            "Id": name,
            "Arn": f"{FUNCTION}:f",
            "RoleArn": f"{IAM}:role/{role}",
            "DeadLetterConfig": {"Arn": arn},
        }
        for name, role in (("may", "admin"), ("may-not", "dev/worker"))
    ]
    assert events.put_targets(Rule="invokes", Targets=targets)["FailedEntryCount"] == 0
    events.put_events(Entries=[{"Source": "roles", "DetailType": "d", "Detail": "{}"}])
    received = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20, MessageAttributeNames=["All"])[
        "Messages"
    ]
    attributes = {key: one["StringValue"] for key, one in received[0]["MessageAttributes"].items()}
    assert attributes["ERROR_CODE"] == "NO_PERMISSIONS"
    assert "assumed-role/worker/" in attributes["ERROR_MESSAGE"]
    streams = node.client("logs")
    wait_for(lambda: streams.describe_log_groups(logGroupNamePrefix="/aws/lambda/f")["logGroups"])


def test_another_account_invokes_what_both_policies_allow(node: RunningNode) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/permissions-function-cross-account.html"""
    able = Caller(node, "far-able", ("lambda:*", "*"), account=OTHER_ACCOUNT).client("lambda")
    unable = Caller(node, "far-unable", account=OTHER_ACCOUNT).client("lambda")
    function = f"{FUNCTION}:f"
    for client in able, unable:
        refused(client.invoke, FunctionName=function)
    node.client("lambda").add_permission(
        FunctionName="f", StatementId="far", Action="lambda:InvokeFunction", Principal=OTHER_ACCOUNT
    )
    refused(unable.invoke, FunctionName=function)
    for kind in "RequestResponse", "Event", "DryRun":
        able.invoke(FunctionName=function, InvocationType=kind)
    refused(able.get_function, FunctionName=function)
    refused(able.update_function_configuration, FunctionName=function, Timeout=3)


def test_a_topic_gets_only_roles_that_its_owner_may_pass(node: RunningNode) -> None:
    sns = Caller(node, "topics", ("sns:*", "*")).client("sns")
    topic = sns.create_topic(Name="quiet")["TopicArn"]
    admin = f"{IAM}:role/admin"
    name = "SQSFailureFeedbackRoleArn"
    for call, params in (
        (sns.set_topic_attributes, {"TopicArn": topic, "AttributeName": name, "AttributeValue": admin}),
        (sns.create_topic, {"Name": "loud", "Attributes": {name: admin}}),
        (
            sns.subscribe,
            {
                "TopicArn": topic,
                "Protocol": "firehose",
                "Endpoint": f"arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/s",
                "Attributes": {"SubscriptionRoleArn": admin},
            },
        ),
    ):
        with pytest.raises(sns.exceptions.AuthorizationErrorException, match="iam:PassRole"):
            call(**params)
    sns.set_topic_attributes(TopicArn=topic, AttributeName="DisplayName", AttributeValue="quiet")
