"""Dynamic references are read from texts, refused where AWS refuses them, and their values go to the resource only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from nightbus.aws.calls import Call
from nightbus.aws.errors import AwsError
from nightbus.stacks.templates.dynamic_references import (
    MOST,
    Unresolved,
    check_count,
    check_references,
    references_in,
)
from stack_rig import NoOperations, Rig, ref, thing

ARN = "arn:aws:secretsmanager:us-east-1:000000000000:secret:shop-a1b2c3"
SECRET = "{{resolve:secretsmanager:shop:SecretString:password}}"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("{{resolve:ssm:/a/b}}", ("ssm", "/a/b", "", "", "")),
        ("x{{resolve:ssm:a.b-c_d:12}}y", ("ssm", "a.b-c_d", "12", "", "")),
        ("{{resolve:secretsmanager:shop}}", ("secretsmanager", "shop", "", "", "")),
        (SECRET, ("secretsmanager", "shop", "", "password", "")),
        (f"{{{{resolve:secretsmanager:{ARN}}}}}", ("secretsmanager", ARN, "", "", "")),
        (f"{{{{resolve:secretsmanager:{ARN}:SecretString:k:AWSPREVIOUS}}}}",
         ("secretsmanager", ARN, "", "k", "AWSPREVIOUS")),
        ("{{resolve:secretsmanager:shop:SecretString:::v1}}", ("secretsmanager", "shop", "v1", "", "")),
        ("{{resolve:secretsmanager:shop::::}}", ("secretsmanager", "shop", "", "", "")),
    ],
)  # fmt: skip
def test_references_are_read(text: str, parts: tuple[str, ...]) -> None:
    (found,) = references_in({"deep": [{"in": text}]})
    assert (found.service, found.name, found.version, found.json_key, found.stage) == parts


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{resolve:ssm:/a:latest}}",
         "Incorrect format is used in the following SSM reference: [{{resolve:ssm:/a:latest}}]"),
        ("{{resolve:ssm-secure:}}",
         "Incorrect format is used in the following SSM Secure reference: [{{resolve:ssm-secure:}}]"),
        ("{{resolve:secretsmanager:shop:SecretBinary}}",
         "Incorrect format is used in the following Secrets Manager reference: "
         "[{{resolve:secretsmanager:shop:SecretBinary}}]"),
    ],
)  # fmt: skip
def test_malformed_references_are_refused(text: str, message: str) -> None:
    with pytest.raises(Unresolved) as refused:
        list(references_in(text))
    assert refused.value.message == message


def test_texts_that_are_no_references_are_plain() -> None:
    assert list(references_in(["{{resolve:other:x}}", "{{resolve:ssm", "{{x}}", 1, None])) == []


def test_secure_references_have_their_places() -> None:
    secure = "{{resolve:ssm-secure:/p:1}}"
    check_references("AWS::IAM::User", {"LoginProfile": {"Password": secure}})
    with pytest.raises(AwsError) as refused:
        check_references("AWS::Lambda::Function", {"Environment": {"Variables": {"P": secure}}, "Role": "r"})
    assert refused.value.message == (
        "SSM Secure reference is not supported in: [AWS::Lambda::Function/Properties/Environment]"
    )


class Values(NoOperations):
    """Parameter Store and Secrets Manager with one entry each."""

    def __init__(self) -> None:
        self.secret = json.dumps({"password": "hunter22", "port": 5432})
        self.parameter = "7"

    async def handle(
        self, service: str, operation: str, params: Mapping[str, Any], call: Call
    ) -> dict[str, Any]:
        if operation == "GetSecretValue":
            if params["SecretId"] != "shop":
                message = "Secrets Manager can't find the specified secret."
                raise AwsError("ResourceNotFoundException", message)
            return {"SecretString": self.secret}
        assert operation == "GetParameters"
        found = [{"Name": "/size", "Type": "String", "Value": self.parameter}]
        return {"Parameters": [one for one in found if one["Name"] in params["Names"]]}

    call = handle


@pytest.fixture
def values(rig: Rig) -> Values:
    values = Values()
    rig.engine._operations = values
    return values


async def test_a_value_reaches_the_resource_and_no_record(rig: Rig, values: Values) -> None:
    joined = {"Fn::Join": ["", ["{{resolve:secretsmanager:", ref("S"), ":SecretString:port}}"]]}
    resources = {"A": thing(Size="{{resolve:ssm:/size}}", Other=[f"p={SECRET}", joined])}
    parameters = {"S": {"Type": "String"}}
    assert await rig.create(resources, Parameters=parameters, parameters={"S": "shop"}) == "CREATE_COMPLETE"
    (made,) = rig.world.things.values()
    assert (made["Size"], made["Other"]) == ("7", ["p=hunter22", "5432"])
    assert (await rig.standing())["A"]["Other"][0] == f"p={SECRET}"
    assert "hunter22" not in str(await rig.events())


async def test_only_an_update_of_the_resource_reads_a_value_again(rig: Rig, values: Values) -> None:
    reference = "{{resolve:ssm:/size}}"
    await rig.create({"A": thing(Size=reference), "B": thing()})
    values.parameter = "8"
    await rig.update({"A": thing(Size=reference), "B": thing(Size=1)})
    assert [one["Size"] for one in rig.world.things.values() if one["by"] == "A"] == ["7"]
    await rig.update({"A": thing(Size=reference, Other="changed"), "B": thing(Size=1)})
    assert [one["Size"] for one in rig.world.things.values() if one["by"] == "A"] == ["8"]


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("{{resolve:ssm:/none:3}}", "Unable to fetch parameters [/none:3] from parameter store for this account."),
        ("{{resolve:secretsmanager:none}}",
         "Secrets Manager can't find the specified secret. (Service: AWSSecretsManager;"),
        ("{{resolve:secretsmanager:shop:SecretString:none}}",
         "Could not find a value associated with JSONKey in SecretString"),
    ],
)  # fmt: skip
async def test_a_reference_without_a_value_fails_the_resource(
    rig: Rig, values: Values, reference: str, reason: str
) -> None:
    assert await rig.create({"A": thing(Other=reference)}) == "ROLLBACK_COMPLETE"
    failed = next(event for event in await rig.events() if event.status == "CREATE_FAILED")
    assert failed.reason.startswith(reason)


async def test_a_secret_in_a_services_error_is_masked(rig: Rig, values: Values) -> None:
    values.secret = json.dumps({"password": "made to fail"})
    rig.world.failing = {"create A"}
    assert await rig.create({"A": thing(Other=SECRET)}) == "ROLLBACK_COMPLETE"
    failed = next(event for event in await rig.events() if event.status == "CREATE_FAILED")
    assert 'message: "create A was **** (Service' in failed.reason


def test_a_template_has_at_most_sixty_references() -> None:
    resources = {"A": {"Properties": {"Value": SECRET * MOST}}, "B": {"Type": "AWS::SQS::Queue"}}
    check_count(resources)
    with pytest.raises(AwsError, match="61 dynamic references"):
        check_count({**resources, "B": {"Properties": {"Value": [SECRET]}}})
