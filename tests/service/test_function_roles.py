"""A function acts as its very role, as long as that trusts Lambda; signed function URLs are judged by policies.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html
https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from lambda_rig import code
from nodes import RunningNode
from url_rig import ask, make

ACCOUNT = "000000000000"
HANDLER = """
import os
NAMES = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"
def handler(event, context):
    return {name.lower(): os.environ[name] for name in NAMES}
"""
INVOKE = ("lambda:InvokeFunctionUrl", "lambda:InvokeFunction")


@pytest.fixture(scope="module")
def node() -> Iterator[RunningNode]:
    running = RunningNode(environ={"NIGHTBUS_AUTHORIZATION": "enforce"})
    yield running
    running.stop()


@pytest.fixture
def function(node: RunningNode) -> str:
    """The name of a function and its role."""
    return make(node.client, code(HANDLER))


def trust(service: str, condition: dict[str, Any] | None = None) -> str:
    one = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return json.dumps(
        {"Version": "2012-10-17", "Statement": [one | ({"Condition": condition} if condition else {})]}
    )


def keys_of(node: RunningNode, function: str) -> dict[str, str]:
    reply = node.client("lambda").invoke(FunctionName=function)
    assert "FunctionError" not in reply
    return dict(json.loads(reply["Payload"].read()))


def refusal(call: Any, **params: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        call(**params)
    told = error.value.response["Error"]
    return told["Code"], told["Message"]


def test_a_session_is_one_of_the_role_with_its_id(node: RunningNode, function: str) -> None:
    iam, keys = node.client("iam"), keys_of(node, function)
    first = iam.get_role(RoleName=function)["Role"]["RoleId"]
    identity = node.client("sts", **keys).get_caller_identity()
    assert identity["UserId"] == f"{first}:{function}"
    assert identity["Arn"].endswith(f":assumed-role/{function}/{function}")

    # A role of the same name is another role: what the function got before is over.
    iam.delete_role_policy(RoleName=function, PolicyName="allowed")
    iam.delete_role(RoleName=function)
    code_of_session, _ = refusal(node.client("sqs", **keys).list_queues)
    assert code_of_session == "InvalidClientTokenId"
    second = iam.create_role(RoleName=function, AssumeRolePolicyDocument=trust("lambda.amazonaws.com"))
    assert refusal(node.client("sqs", **keys).list_queues)[0] == "InvalidClientTokenId"
    identity = node.client("sts", **keys_of(node, function)).get_caller_identity()
    assert identity["UserId"] == f"{second['Role']['RoleId']}:{function}" != f"{first}:{function}"


def test_a_role_that_trusts_lambda_no_more_runs_no_function(node: RunningNode, function: str) -> None:
    iam = node.client("iam")
    keys_of(node, function)
    iam.update_assume_role_policy(RoleName=function, PolicyDocument=trust("events.amazonaws.com"))
    assert refusal(node.client("lambda").invoke, FunctionName=function) == (
        "AccessDeniedException",
        "The role defined for the function cannot be assumed by Lambda.",
    )
    iam.update_assume_role_policy(RoleName=function, PolicyDocument=trust("lambda.amazonaws.com"))
    keys_of(node, function)


def test_the_conditions_of_a_trust_policy_hold(node: RunningNode) -> None:
    iam, functions = node.client("iam"), node.client("lambda")
    name = f"own-{uuid4().hex[:8]}"
    arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}"
    condition = {"ArnLike": {"aws:SourceArn": arn}, "StringEquals": {"aws:SourceAccount": ACCOUNT}}
    document = trust("lambda.amazonaws.com", condition)
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    settings: dict[str, Any] = {"Role": role, "Runtime": "python3.12", "Handler": "app.handler"}
    settings["Code"] = {"ZipFile": code(HANDLER)}
    assert refusal(functions.create_function, FunctionName="stranger", **settings) == (
        "InvalidParameterValueException",
        "The role defined for the function cannot be assumed by Lambda.",
    )
    functions.create_function(FunctionName=name, **settings)
    functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
    keys_of(node, name)


def test_a_signed_url_needs_both_actions_of_the_callers_policies(node: RunningNode, function: str) -> None:
    functions, iam = node.client("lambda"), node.client("iam")
    url = functions.create_function_url_config(FunctionName=function, AuthType="AWS_IAM")["FunctionUrl"]
    arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{function}"
    user = f"user-{function}"
    user_arn = iam.create_user(UserName=user)["User"]["Arn"]
    key = iam.create_access_key(UserName=user)["AccessKey"]

    def status(path: str = "/") -> int:
        request = AWSRequest("GET", url)
        credentials = Credentials(key["AccessKeyId"], key["SecretAccessKey"])
        SigV4Auth(credentials, "lambda", "us-east-1").add_auth(request)
        return ask(node, url, path=path, headers=dict(request.headers)).status

    def allow(*actions: str, auth: str = "AWS_IAM") -> None:
        by_url: dict[str, Any] = {"Effect": "Allow", "Action": list(actions), "Resource": arn}
        if "lambda:InvokeFunctionUrl" in actions:
            by_url["Condition"] = {"StringEqualsIfExists": {"lambda:FunctionUrlAuthType": auth}}
        document = json.dumps({"Version": "2012-10-17", "Statement": [by_url]})
        iam.put_user_policy(UserName=user, PolicyName="own", PolicyDocument=document)

    assert status() == 403
    allow("lambda:InvokeFunction")
    assert status() == 403
    allow("lambda:InvokeFunctionUrl")
    assert status() == 403
    allow(*INVOKE, auth="NONE")
    assert status() == 403
    allow(*INVOKE)
    assert status() == 200
    assert [status(path) for path in ("//", "/admin/..", "/./", "/admin")] == [403] * 4

    # The function's policy is enough in the same account, and its Deny is more than the user's Allow.
    iam.delete_user_policy(UserName=user, PolicyName="own")
    for statement, action in enumerate(INVOKE):
        auth = {"FunctionUrlAuthType": "AWS_IAM"} if statement == 0 else {"InvokedViaFunctionUrl": True}
        functions.add_permission(
            FunctionName=function, StatementId=f"s{statement}", Action=action, Principal=user_arn, **auth
        )
    assert status() == 200


def test_a_role_has_to_be_able_to_send_to_a_dead_letter_queue_and_to_destinations(
    node: RunningNode, function: str
) -> None:
    iam, functions = node.client("iam"), node.client("lambda")
    iam.delete_role_policy(RoleName=function, PolicyName="allowed")
    queue, bus = f"arn:aws:sqs:us-east-1:{ACCOUNT}:q", f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/default"
    letters = {"FunctionName": function, "DeadLetterConfig": {"TargetArn": queue}}
    records = {"FunctionName": function, "DestinationConfig": {"OnFailure": {"Destination": bus}}}
    assert refusal(functions.update_function_configuration, **letters) == (
        "InvalidParameterValueException",
        "The provided execution role does not have permissions to call SendMessage on SQS",
    )
    assert (
        refusal(functions.put_function_event_invoke_config, **records)[0] == "InvalidParameterValueException"
    )
    only_failures = {"StringEquals": {"events:detail-type": "Lambda Function Invocation Result - Failure"}}
    statements = [
        {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": queue},
        {"Effect": "Allow", "Action": "events:PutEvents", "Resource": bus, "Condition": only_failures},
    ]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam.put_role_policy(RoleName=function, PolicyName="sends", PolicyDocument=document)
    functions.update_function_configuration(**letters)
    functions.put_function_event_invoke_config(**records)
    successes = {"OnSuccess": {"Destination": bus}}
    assert (
        "permissions to call PutEvents"
        in (
            refusal(
                functions.put_function_event_invoke_config, FunctionName=function, DestinationConfig=successes
            )[1]
        )
    )


def test_targets_and_roles_that_are_no_arns_are_the_clients_mistake(node: RunningNode, function: str) -> None:
    functions, queue = node.client("lambda"), f"arn:aws:sqs:us-east-1:{ACCOUNT}:"
    records = {"OnSuccess": {"Destination": queue}}
    wrong = "InvalidParameterValueException"
    assert refusal(functions.update_function_configuration, FunctionName=function, DeadLetterConfig={
        "TargetArn": queue
    })[0] == wrong  # fmt: skip
    assert (
        refusal(functions.put_function_event_invoke_config, FunctionName=function, DestinationConfig=records)[
            0
        ]
        == wrong
    )
    assume = node.client("sts").assume_role
    assert refusal(assume, RoleArn="x" * 30, RoleSessionName="session")[0] == "ValidationError"


def test_a_policy_may_name_the_function_whose_code_calls(node: RunningNode, function: str) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html"""
    iam, keys = node.client("iam"), keys_of(node, function)
    arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{function}"
    sqs, everything = node.client("sqs", **keys), {"Effect": "Allow", "Action": "*", "Resource": "*"}

    def give(*statements: dict[str, Any]) -> None:
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_role_policy(RoleName=function, PolicyName="allowed", PolicyDocument=document)

    def only(operator: str, *functions: str) -> dict[str, Any]:
        return {"Condition": {operator: {"lambda:SourceFunctionArn": list(functions)}}}

    give(everything | only("ArnEquals", f"{arn}-2"))
    assert refusal(sqs.list_queues)[0] == "AccessDenied"
    give(everything | only("ArnEquals", f"{arn}-2", arn))
    sqs.list_queues()
    give(everything, {"Effect": "Deny", "Action": "sqs:*", "Resource": "*"} | only("ArnEquals", arn))
    assert refusal(sqs.list_queues)[0] == "AccessDenied"
    node.client("sns", **keys).list_topics()

    # A session that the code assumes is not the function's any more.
    give(everything)
    role, session = f"arn:aws:iam::{ACCOUNT}:role/{function}", {"RoleSessionName": "own"}
    both = json.loads(trust("lambda.amazonaws.com"))
    both["Statement"].append({"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"})
    iam.update_assume_role_policy(RoleName=function, PolicyDocument=json.dumps(both))
    given = node.client("sts", **keys).assume_role(RoleArn=role, **session)["Credentials"]
    own = {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }
    give(everything | only("ArnEquals", arn))
    sqs.list_queues()
    assert refusal(node.client("sqs", **own).list_queues)[0] == "AccessDenied"
