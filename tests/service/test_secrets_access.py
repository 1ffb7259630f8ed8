"""Who may read secrets and parameters: one by one, in batches, by labels and tags, by paths, and through one another.

https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_BatchGetSecretValue.html
https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-access.html
"""

from __future__ import annotations

import io
import json
import sys
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from nodes import RunningNode
from users import ACCOUNT, User, document, refusal, statement

PARAMETER = f"arn:aws:ssm:us-east-1:{ACCOUNT}:parameter"
GET = "secretsmanager:GetSecretValue"
BATCH = "secretsmanager:BatchGetSecretValue"
LIST = "secretsmanager:ListSecrets"


@pytest.fixture(scope="module")
def node() -> Iterator[RunningNode]:
    running = RunningNode(environ={"NIGHTBUS_AUTHORIZATION": "enforce"})
    yield running
    running.stop()


@pytest.fixture(scope="module")
def secrets(node: RunningNode) -> dict[str, str]:
    """Return the ARNs of two secrets, of which the first has had another value."""
    client = node.client("secretsmanager")
    made = {
        name: client.create_secret(
            Name=name, SecretString="old", Tags=[{"Key": "team", "Value": name}]
        )["ARN"]
        for name in ("blue", "red")
    }  # fmt: skip
    client.put_secret_value(SecretId="blue", SecretString="new")
    return made


def batch(client: Any, **wanted: Any) -> tuple[list[str], list[str]]:
    reply = client.batch_get_secret_value(**wanted)
    return [one["Name"] for one in reply["SecretValues"]], [one["SecretId"] for one in reply["Errors"]]


def test_each_secret_of_a_batch_is_judged(node: RunningNode, secrets: dict[str, str]) -> None:
    user = User(node, "batch", (BATCH, "*"), (GET, secrets["blue"])).client("secretsmanager")
    assert batch(user, SecretIdList=["blue", "red"]) == (["blue"], ["red"])
    refusal(user.batch_get_secret_value, Filters=[{"Key": "name", "Values": ["blue"]}])
    rights = (BATCH, "*"), (LIST, "*"), (GET, secrets["blue"])
    user = User(node, "batch-filters", *rights).client("secretsmanager")
    assert batch(user, Filters=[{"Key": "name", "Values": ["blue", "red"]}]) == (["blue"], ["red"])
    user = User(node, "no-batch", (GET, "*")).client("secretsmanager")
    refusal(user.batch_get_secret_value, SecretIdList=["blue"])


def test_a_version_is_named_by_its_label(node: RunningNode, secrets: dict[str, str]) -> None:
    condition = {"StringEquals": {"secretsmanager:VersionStage": "AWSCURRENT"}}
    rights = statement(GET, "*", Condition=condition), (BATCH, "*")
    user = User(node, "current", *rights).client("secretsmanager")
    assert user.get_secret_value(SecretId="blue")["SecretString"] == "new"
    assert batch(user, SecretIdList=["blue"]) == (["blue"], [])
    refusal(user.get_secret_value, SecretId="blue", VersionStage="AWSPREVIOUS")
    listed = node.client("secretsmanager").list_secret_version_ids(SecretId="blue")["Versions"]
    for version in listed:
        refusal(user.get_secret_value, SecretId="blue", VersionId=version["VersionId"])


def test_tags_of_secrets_are_conditions(node: RunningNode, secrets: dict[str, str]) -> None:
    condition = {"StringEquals": {"secretsmanager:ResourceTag/team": "blue"}}
    user = User(node, "by-tag", statement(GET, "*", Condition=condition)).client("secretsmanager")
    user.get_secret_value(SecretId="blue")
    refusal(user.get_secret_value, SecretId="red")


def test_a_secret_is_no_way_round_by_another_service(node: RunningNode, secrets: dict[str, str]) -> None:
    ssm = User(node, "by-ssm", ("ssm:GetParameter*", "*")).client("ssm")
    name = "/aws/reference/secretsmanager/blue"
    refusal(ssm.get_parameter, Name=name, WithDecryption=True)
    refusal(ssm.get_parameters, Names=[name], WithDecryption=True)
    node.client("secretsmanager").replicate_secret_to_regions(
        SecretId="blue", AddReplicaRegions=[{"Region": "eu-west-1"}]
    )
    far = User(node, "replica", (GET, secrets["blue"])).client("secretsmanager", region="eu-west-1")
    refusal(far.get_secret_value, SecretId="blue")
    new = User(node, "creator", ("secretsmanager:CreateSecret", "*")).client("secretsmanager")
    refusal(new.create_secret, Name="n", SecretString="n", AddReplicaRegions=[{"Region": "eu-west-1"}])
    refusal(new.get_random_password)


def test_rotation_invokes_only_what_its_caller_may_invoke(node: RunningNode, secrets: dict[str, str]) -> None:
    trust = document(statement("sts:AssumeRole", Principal={"Service": "lambda.amazonaws.com"}))
    role = node.client("iam").create_role(RoleName="rotates", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("app.py", "def handler(event, context):\n    return 1\n")
    functions = node.client("lambda")
    function = functions.create_function(
        FunctionName="rotates",
        Runtime=f"python3.{sys.version_info.minor}",
        Role=role,
        Handler="app.handler",
        Code={"ZipFile": code.getvalue()},
    )["FunctionArn"]
    functions.add_permission(
        FunctionName="rotates",
        StatementId="s",
        Action="lambda:InvokeFunction",
        Principal="secretsmanager.amazonaws.com",
    )
    rotation = {"SecretId": "red", "RotationLambdaARN": function, "RotateImmediately": False}
    plain = User(node, "rotator", ("secretsmanager:*", "*")).client("secretsmanager")
    assert f"lambda:InvokeFunction on resource: {function}" in refusal(plain.rotate_secret, **rotation)
    rights = ("secretsmanager:*", "*"), ("lambda:InvokeFunction", function)
    User(node, "able-rotator", *rights).client("secretsmanager").rotate_secret(**rotation)


def test_paths_of_parameters(node: RunningNode) -> None:
    for name in "/app/x", "/app/db/y":
        node.client("ssm").put_parameter(Name=name, Value="v", Type="String")
    own = User(node, "path", ("ssm:GetParametersByPath", f"{PARAMETER}/app")).client("ssm")
    for path in "/app", "/app/":
        assert [one["Name"] for one in own.get_parameters_by_path(Path=path)["Parameters"]] == ["/app/x"]
    # As on AWS, who may read a path may read what is below it.
    assert len(own.get_parameters_by_path(Path="/app", Recursive=True)["Parameters"]) == 2
    for path in "/", "/app/db", "/app/db/":
        refusal(own.get_parameters_by_path, Path=path)
    denial = statement("ssm:GetParametersByPath", f"{PARAMETER}/app", Effect="Deny")
    denied = User(node, "denied-path", ("ssm:*", "*"), denial).client("ssm")
    for path in "/app", "/app/":
        refusal(denied.get_parameters_by_path, Path=path)
    flat = {"StringEquals": {"ssm:Recursive": ["true"]}}
    denial = statement("ssm:GetParametersByPath", "*", Effect="Deny", Condition=flat)
    shallow = User(node, "shallow", ("ssm:*", "*"), denial).client("ssm")
    shallow.get_parameters_by_path(Path="/app")
    refusal(shallow.get_parameters_by_path, Path="/app", Recursive=True)


def test_each_parameter_is_judged_by_whichever_name(node: RunningNode) -> None:
    for name in "/one/x", "/one/y":
        node.client("ssm").put_parameter(Name=name, Value="v", Type="String")
    x, y = f"{PARAMETER}/one/x", f"{PARAMETER}/one/y"
    user = User(node, "one", (["ssm:GetParameter", "ssm:GetParameters", "ssm:DeleteParameters"], x)).client(
        "ssm"
    )
    for name in "/one/x", "/one/x:1", x, f"{x}:1":
        user.get_parameter(Name=name)
    for name in "/one/y", "/one/y:1", y, f"{y}:1":
        refusal(user.get_parameter, Name=name)
    refusal(user.get_parameters, Names=["/one/x", "/one/y"])
    refusal(user.delete_parameters, Names=["/one/x", "/one/y"])
    refusal(user.get_parameter_history, Name="/one/x")
    overwrites = {"StringEquals": {"ssm:Overwrite": "true"}}
    denial = statement("ssm:PutParameter", "*", Effect="Deny", Condition=overwrites)
    writer = User(node, "no-overwrite", ("ssm:PutParameter", "*"), denial).client("ssm")
    writer.put_parameter(Name="/one/z", Value="v", Type="String")
    refusal(writer.put_parameter, Name="/one/z", Value="w", Type="String", Overwrite=True)


def test_a_stack_reads_no_parameter_that_its_user_may_not_read(node: RunningNode) -> None:
    """CloudFormation answers with an error of its own: https://github.com/aws/aws-cdk/issues/20959."""
    stored = {"Type": "AWS::SSM::Parameter::Value<String>", "Default": f"{PARAMETER}/app/level"}
    topic = {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Ref": "Stored"}}}
    body = json.dumps({"Parameters": {"Stored": stored}, "Resources": {"Topic": topic}})
    own = User(node, "stack-maker", (["cloudformation:*", "sns:*"], "*")).client("cloudformation")
    elsewhere = [
        {"ParameterKey": "Stored", "ParameterValue": "arn:aws:ssm:us-east-1:111111111111:parameter/a"}
    ]
    for given in ([], elsewhere):
        with pytest.raises(ClientError) as refused:
            own.create_stack(StackName="reads", TemplateBody=body, Parameters=given)
        error = refused.value.response["Error"]
        assert (error["Code"], error["Message"]) == (
            "ValidationError",
            "AccessDenied. User doesn't have permission to call ssm:GetParameters",
        )
