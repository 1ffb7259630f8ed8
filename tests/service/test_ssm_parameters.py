"""Parameter Store by boto3: parameters, their versions, paths and refusals."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from waiting import wait_for

Client = Callable[..., Any]
ACCOUNT = "000000000000"


@pytest.fixture
def ssm(client: Client) -> Any:
    return client("ssm")


@pytest.fixture
def path() -> str:
    return f"/t{uuid4().hex[:8]}"


def test_a_parameter_from_its_creation_to_its_deletion(ssm: Any, path: str) -> None:
    name = f"{path}/name"
    put = ssm.put_parameter(Name=name, Value="a", Type="String", Description="d")
    assert (put["Version"], put["Tier"]) == (1, "Standard")
    found = ssm.get_parameter(Name=name)["Parameter"]
    arn = f"arn:aws:ssm:us-east-1:{ACCOUNT}:parameter{name}"
    assert (found["Value"], found["Version"], found["ARN"], found["DataType"]) == ("a", 1, arn, "text")
    with pytest.raises(ssm.exceptions.ParameterAlreadyExists):
        ssm.put_parameter(Name=name, Value="b", Type="String")
    assert ssm.put_parameter(Name=name, Value="b", Overwrite=True)["Version"] == 2
    assert ssm.get_parameter(Name=arn)["Parameter"]["Value"] == "b"
    old = ssm.get_parameter(Name=f"{name}:1")["Parameter"]
    assert (old["Name"], old["Value"], old["Selector"]) == (name, "a", ":1")
    (described,) = [one for one in pages(ssm, "describe_parameters") if one["Name"] == name]
    assert (described["Description"], described["Version"]) == ("d", 2)
    ssm.delete_parameter(Name=name)
    with pytest.raises(ssm.exceptions.ParameterNotFound):
        ssm.get_parameter(Name=name)
    assert ssm.put_parameter(Name=name, Value="c", Type="String")["Version"] == 1


def pages(ssm: Any, operation: str, **request: Any) -> list[dict[str, Any]]:
    found = ssm.get_paginator(operation).paginate(**request)
    return [one for page in found for one in page["Parameters"]]


def test_secure_strings_are_encrypted_unless_asked_for(ssm: Any, path: str) -> None:
    ssm.put_parameter(Name=f"{path}/s", Value="hunter", Type="SecureString")
    closed = ssm.get_parameter(Name=f"{path}/s")["Parameter"]
    assert closed["Type"] == "SecureString"
    assert "hunter" not in closed["Value"]
    assert ssm.get_parameter(Name=f"{path}/s", WithDecryption=True)["Parameter"]["Value"] == "hunter"


def test_parameters_below_a_path(ssm: Any, path: str) -> None:
    names = [f"{path}/{number:02d}" for number in range(12)]
    for name in (*names, f"{path}/deep/er", f"{path}-not"):
        ssm.put_parameter(Name=name, Value=name, Type="String")
    assert [one["Name"] for one in pages(ssm, "get_parameters_by_path", Path=path)] == names
    deep = pages(ssm, "get_parameters_by_path", Path=f"{path}/", Recursive=True)
    assert [one["Name"] for one in deep] == [*names, f"{path}/deep/er"]
    found = ssm.get_parameters(Names=[names[1], names[0], f"{path}/none"])
    assert [one["Value"] for one in found["Parameters"]] == [names[1], names[0]]
    assert found["InvalidParameters"] == [f"{path}/none"]
    gone = ssm.delete_parameters(Names=[names[0], f"{path}/none"])
    assert (gone["DeletedParameters"], gone["InvalidParameters"]) == ([names[0]], [f"{path}/none"])


@pytest.mark.parametrize(
    "request_, code, text",
    [
        ({"Name": "a/b"}, "ValidationException", 'can\'t be prefixed with "ssm"'),
        ({"Name": "/ssm/b"}, "ValidationException", 'can\'t be prefixed with "ssm"'),
        ({"Name": "/a b"}, "ValidationException", "Parameter name"),
        ({"Name": "/aws/b"}, "AccessDeniedException", "No access to reserved parameter name: /aws/b."),
        ({"Name": "/" + "/".join("a" * 16)}, "HierarchyLevelLimitExceededException", "15"),
        ({"Type": None}, "ValidationException", "A parameter type is required"),
        ({"Value": ""}, "ValidationException", "length greater than or equal to 1"),
        ({"Value": "x" * 4097}, "ValidationException", "4096 characters"),
        ({"Value": "{{ssm:a}}"}, "ValidationException", "nest another parameter"),
        ({"AllowedPattern": r"^\d+$"}, "ParameterPatternMismatchException", "cannot be validated"),
        ({"AllowedPattern": "("}, "InvalidAllowedPatternException", "("),
        ({"DataType": "aws:ec2:image"}, "NotImplementedException", "DataType aws:ec2:image"),
        ({"DataType": "Text"}, "ValidationException", "data type is not supported: Text"),
        (
            {"Overwrite": True, "Tags": [{"Key": "a", "Value": "b"}]},
            "ValidationException",
            "tags and overwrite",
        ),
    ],
)
def test_what_put_parameter_refuses(
    ssm: Any, path: str, request_: dict[str, Any], code: str, text: str
) -> None:
    request = {"Name": path, "Value": "v", "Type": "String"} | request_
    with pytest.raises(ClientError) as refused:
        ssm.put_parameter(**{name: value for name, value in request.items() if value is not None})
    assert refused.value.response["Error"]["Code"] == code
    assert text in refused.value.response["Error"]["Message"]


def test_public_parameters_are_refused(ssm: Any) -> None:
    with pytest.raises(ssm.exceptions.ParameterNotFound):
        ssm.get_parameter(Name="/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64")
    with pytest.raises(ClientError, match="public parameters"):
        ssm.get_parameters_by_path(Path="/aws/service/global-infrastructure")


def test_a_stack_with_a_parameter(client: Client, ssm: Any, path: str) -> None:
    formation, stack = client("cloudformation"), path[1:]

    def template(**properties: Any) -> str:
        kinds = {"Type": "String", "Value": "1", "Name": f"{path}/p", "Tags": {"a": "b"}} | properties
        outputs = {"Value": {"Value": {"Fn::GetAtt": ["P", "Value"]}}, "Name": {"Value": {"Ref": "P"}}}
        return json.dumps(
            {"Resources": {"P": {"Type": "AWS::SSM::Parameter", "Properties": kinds}}, "Outputs": outputs}
        )

    def settled() -> dict[str, str]:
        found = wait_for(
            lambda: next(
                (
                    one
                    for one in formation.describe_stacks(StackName=stack)["Stacks"]
                    if not one["StackStatus"].endswith("IN_PROGRESS")
                ),
                None,
            )
        )
        assert found["StackStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE"), found
        return {one["OutputKey"]: one["OutputValue"] for one in found["Outputs"]}

    formation.create_stack(StackName=stack, TemplateBody=template())
    assert settled() == {"Value": "1", "Name": f"{path}/p"}
    tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=f"{path}/p")["TagList"]
    assert {"Key": "a", "Value": "b"} in tags
    formation.update_stack(StackName=stack, TemplateBody=template(Value="2", Description="d"))
    assert settled()["Value"] == "2"
    assert ssm.get_parameter(Name=f"{path}/p")["Parameter"]["Version"] == 2
    formation.update_stack(StackName=stack, TemplateBody=template(Name=f"{path}/q", Value="2"))
    assert settled()["Name"] == f"{path}/q"
    with pytest.raises(ssm.exceptions.ParameterNotFound):
        ssm.get_parameter(Name=f"{path}/p")
    formation.delete_stack(StackName=stack)
    wait_for(lambda: f"{path}/q" in ssm.get_parameters(Names=[f"{path}/q"])["InvalidParameters"])
