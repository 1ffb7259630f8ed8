"""Functions, versions, aliases, policies and settings over a real store."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from blob_files import is_there
from lambda_rig import RUNTIME_VERSION, SCOPE, Rig, code, rig
from nightbus.aws.errors import AwsError
from nightbus.services.lambda_.code.links import resolve_link
from nightbus.services.lambda_.invocations.prewarming import prewarm_runtimes
from nightbus.services.lambda_.lifecycle.states import STATE_MEMBERS

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:worker"


@pytest.fixture
async def aws(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path) as made:
        yield made


async def test_a_node_gets_ready_for_the_runtimes_that_it_has(aws: Rig) -> None:
    await aws.create()
    await prewarm_runtimes(aws.platform)
    assert aws.runner.prewarmed == ["python3.12"]


async def test_a_new_function_as_aws_describes_it(aws: Rig) -> None:
    package = code()
    made = await aws.create(
        Code={"ZipFile": package}, Environment={"Variables": {"AB": "1"}}, Tags={"t": "1"}
    )
    assert made["FunctionArn"] == ARN
    assert made["CodeSize"] == len(package)
    assert made["CodeSha256"] == base64.b64encode(hashlib.sha256(package).digest()).decode()
    assert made["LastModified"] == "2026-01-01T00:00:00.000+0000"
    assert (made["State"], made["StateReasonCode"], made["Version"]) == ("Pending", "Creating", "$LATEST")
    assert (made["Timeout"], made["MemorySize"], made["PackageType"]) == (3, 128, "Zip")
    assert made["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": "/aws/lambda/worker"}
    got = await aws("lambda", "GetFunction", FunctionName=ARN)
    state = {"State", "StateReason", "StateReasonCode"}
    ready = {"State": "Active", "LastUpdateStatus": "Successful"}
    version = {"RuntimeVersionConfig": {"RuntimeVersionArn": RUNTIME_VERSION}}
    before = {member: value for member, value in made.items() if member not in state}
    assert got["Configuration"] == before | ready | version
    assert got["Tags"] == {"t": "1"}
    latest = await aws("lambda", "GetFunctionConfiguration", FunctionName="worker", Qualifier="$LATEST")
    assert latest["FunctionArn"] == f"{ARN}:$LATEST"


async def test_the_codes_link_leads_to_the_code_and_ends(aws: Rig) -> None:
    package = code()
    await aws.create(Code={"ZipFile": package})
    link = (await aws("lambda", "GetFunction", FunctionName="worker"))["Code"]["Location"]
    assert link.startswith("http://127.0.0.1:4566/_nightbus/lambda-code/")
    token = link.rsplit("/", 1)[1]
    with await resolve_link(aws.store, aws.platform.vault, aws.clock, token) as file:
        assert file.read() == package
    with pytest.raises(AwsError, match="Access Denied"):
        await resolve_link(aws.store, aws.platform.vault, aws.clock, "x" + token)
    await aws.clock.advance(601)
    with pytest.raises(AwsError, match="expired"):
        await resolve_link(aws.store, aws.platform.vault, aws.clock, token)


async def test_code_out_of_s3(aws: Rig) -> None:
    aws.operations.objects["bucket", "code.zip"] = code()
    made = await aws.create(Code={"S3Bucket": "bucket", "S3Key": "code.zip"})
    assert made["CodeSize"] == len(code())
    with pytest.raises(AwsError) as caught:
        await aws.create("other", Code={"S3Bucket": "bucket", "S3Key": "none.zip"})
    assert caught.value.code == "InvalidParameterValueException"
    assert caught.value.message == (
        "Error occurred while GetObject. S3 Error Code: NoSuchKey. "
        "S3 Error Message: The specified key does not exist."
    )


@pytest.mark.parametrize(
    ("changed", "code_", "message"),
    [
        ({"Code": {"ZipFile": b"no zip"}}, "InvalidParameterValueException", "Could not unzip uploaded file"),
        ({"Code": {}}, "InvalidParameterValueException", "Please provide a source for function code"),
        ({"Timeout": 901}, "ValidationException", "less than or equal to 900"),
        ({"MemorySize": 10241}, "ValidationException", "less than or equal to 10240"),
        ({"Runtime": "cobol"}, "ValidationException", "enum value set"),
        ({"Runtime": "ruby3.3"}, "NotImplementedException", "Runtime ruby3.3"),
        ({"Runtime": "java21"}, "NotImplementedException", "Runtime java21"),
        ({"Runtime": "dotnet8"}, "NotImplementedException", "Runtime dotnet8"),
        ({"PackageType": "Image"}, "NotImplementedException", "PackageType Image"),
        ({"Runtime": "python2.7"}, "InvalidParameterValueException", "python2.7 is no longer supported"),
        ({"Runtime": "nodejs14.x"}, "InvalidParameterValueException", "nodejs14.x is no longer supported"),
        ({"Runtime": "go1.x"}, "InvalidParameterValueException", "go1.x is no longer supported"),
        ({"Runtime": "provided"}, "InvalidParameterValueException", "provided is no longer supported"),
        ({"Role": "arn:aws:iam::123456789012:user/worker"}, "ValidationException", "at 'role' failed"),
        (
            {"Role": "arn:aws:iam::999999999999:role/worker"},
            "AccessDeniedException",
            "Cross-account pass role",
        ),
        ({"Environment": {"Variables": {"AWS_REGION": "x"}}}, "InvalidParameterValueException", "AWS_REGION"),
        ({"Environment": {"Variables": {"AB": "x" * 4090}}}, "InvalidParameterValueException", "4KB limit"),
        (
            {"Layers": [f"{ARN.replace('function', 'layer')}:1"]},
            "InvalidParameterValueException",
            "does not exist",
        ),
        ({"VpcConfig": {"SubnetIds": ["subnet-1"]}}, "NotImplementedException", "VpcConfig"),
        (
            {"DeadLetterConfig": {"TargetArn": "arn:aws:lambda:eu-west-1:123456789012:function:f"}},
            "InvalidParameterValueException",
            "a queue or a topic is wanted",
        ),
        (
            {"LoggingConfig": {"SystemLogLevel": "WARN"}},
            "InvalidParameterValueException",
            'LogLevel is not supported when LogFormat is set to "Text"',
        ),
        ({"PackageType": "Image"}, "NotImplementedException", "PackageType Image"),
        ({"ImageConfig": {"Command": ["x"]}}, "NotImplementedException", "ImageConfig"),
    ],
)
async def test_what_is_refused_leaves_nothing(
    aws: Rig, changed: dict[str, Any], code_: str, message: str
) -> None:
    with pytest.raises(AwsError, match=message) as caught:
        await aws.create(**changed)
    assert caught.value.code == code_
    assert (await aws("lambda", "ListFunctions"))["Functions"] == []


async def test_empty_settings_say_none_of_that(aws: Rig) -> None:
    made = await aws.create(
        VpcConfig={"SubnetIds": [], "SecurityGroupIds": []},
        DeadLetterConfig={},
        TracingConfig={"Mode": "Active"},
    )
    assert made["TracingConfig"] == {"Mode": "Active"}


async def test_two_of_one_name_at_once_make_one(aws: Rig) -> None:
    results = await asyncio.gather(*(aws.create() for _ in range(4)), return_exceptions=True)
    codes = sorted(
        one.code if isinstance(one, AwsError) else "made" for one in results if not isinstance(one, str)
    )
    assert codes == ["ResourceConflictException"] * 3 + ["made"]
    with pytest.raises(AwsError, match="Function already exist: worker"):
        await aws.create()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none", f"Function not found: {ARN.replace('worker', 'none')}"),
        (
            ARN.replace("eu-west-1", "us-east-1"),
            "Functions from 'us-east-1' are not reachable in this region",
        ),
        (
            ARN.replace("123456789012", "999999999999"),
            "Function not found: arn:aws:lambda:eu-west-1:999999999999",
        ),
        ("worker:7", f"Function not found: {ARN}:7"),
        ("worker:live", f"Cannot find alias arn: {ARN}:live"),
    ],
)
async def test_functions_that_are_not_there(aws: Rig, name: str, message: str) -> None:
    await aws.create()
    with pytest.raises(AwsError, match=message) as caught:
        await aws("lambda", "GetFunction", FunctionName=name)
    assert (caught.value.code, caught.value.status) == ("ResourceNotFoundException", 404)


async def test_new_code_and_its_preconditions(aws: Rig) -> None:
    made = await aws.create()
    package = code("def handler(event, context):\n    return 2\n")
    old = hashlib.sha256(code()).hexdigest()
    tried = await aws("lambda", "UpdateFunctionCode", FunctionName="worker", ZipFile=package, DryRun=True)
    assert tried["CodeSha256"] != made["CodeSha256"]
    kept = await aws("lambda", "GetFunctionConfiguration", FunctionName="worker")
    assert kept["CodeSha256"] == made["CodeSha256"]
    with pytest.raises(AwsError, match="Revision Id provided does not match") as caught:
        await aws("lambda", "UpdateFunctionCode", FunctionName="worker", ZipFile=package, RevisionId="x" * 8)
    assert (caught.value.code, caught.value.status) == ("PreconditionFailedException", 412)
    new = await aws(
        "lambda", "UpdateFunctionCode", FunctionName="worker", ZipFile=package, RevisionId=made["RevisionId"]
    )
    assert new["CodeSha256"] == tried["CodeSha256"]
    assert new["RevisionId"] != made["RevisionId"]
    assert aws.runner.retired == ["worker"]
    async with asyncio.timeout(20):
        while await is_there(aws.store, old):
            await asyncio.sleep(0.01)


async def test_new_configuration_leaves_the_rest(aws: Rig) -> None:
    made = await aws.create(Environment={"Variables": {"AB": "1"}})
    new = await aws(
        "lambda",
        "UpdateFunctionConfiguration",
        FunctionName="worker",
        Timeout=30,
        Environment={"Variables": {}},
    )
    assert new["Timeout"] == 30
    assert "Environment" not in new
    changing = STATE_MEMBERS | {"Timeout", "Environment", "RevisionId", "LastModified"}
    assert {k: v for k, v in new.items() if k not in changing} == {
        k: v for k, v in made.items() if k not in changing
    }


async def test_versions_are_published_when_something_changed(aws: Rig) -> None:
    await aws.create()
    first = await aws("lambda", "PublishVersion", FunctionName="worker", Description="first")
    assert (first["Version"], first["FunctionArn"], first["Description"]) == ("1", f"{ARN}:1", "first")
    assert (await aws("lambda", "PublishVersion", FunctionName="worker"))["Version"] == "1"
    await aws("lambda", "UpdateFunctionConfiguration", FunctionName="worker", Timeout=9)
    second = await aws("lambda", "PublishVersion", FunctionName="worker")
    assert second["Version"] == "2"
    await aws("lambda", "DeleteFunction", FunctionName="worker", Qualifier="2")
    await aws("lambda", "UpdateFunctionConfiguration", FunctionName="worker", Timeout=10)
    assert (await aws("lambda", "PublishVersion", FunctionName="worker"))["Version"] == "3"
    listed = await aws("lambda", "ListVersionsByFunction", FunctionName="worker")
    assert [one["Version"] for one in listed["Versions"]] == ["$LATEST", "1", "3"]
    with pytest.raises(AwsError, match="different from current CodeSHA256"):
        await aws("lambda", "PublishVersion", FunctionName="worker", CodeSha256="x")
    everything = await aws("lambda", "ListFunctions", FunctionVersion="ALL")
    assert [one["FunctionArn"] for one in everything["Functions"]] == [
        f"{ARN}:$LATEST",
        f"{ARN}:1",
        f"{ARN}:3",
    ]


async def test_functions_are_listed_in_pages(aws: Rig) -> None:
    for name in ("c", "a", "b"):
        await aws.create(name)
    first = await aws("lambda", "ListFunctions", MaxItems=2)
    assert [one["FunctionName"] for one in first["Functions"]] == ["a", "b"]
    rest = await aws("lambda", "ListFunctions", Marker=first["NextMarker"])
    assert [one["FunctionName"] for one in rest["Functions"]] == ["c"]
    with pytest.raises(AwsError, match="marker"):
        await aws("lambda", "ListFunctions", Marker="nonsense")


async def test_aliases(aws: Rig) -> None:
    await aws.create(Publish=True)
    alias = await aws("lambda", "CreateAlias", FunctionName="worker", Name="live", FunctionVersion="1")
    assert alias["AliasArn"] == f"{ARN}:live"
    through = await aws("lambda", "GetFunction", FunctionName="worker:live")
    assert (through["Configuration"]["Version"], through["Configuration"]["FunctionArn"]) == (
        "1",
        f"{ARN}:live",
    )
    with pytest.raises(AwsError, match="Alias already exists"):
        await aws("lambda", "CreateAlias", FunctionName="worker", Name="live", FunctionVersion="1")
    with pytest.raises(AwsError, match=f"Function not found: {ARN}:9"):
        await aws("lambda", "UpdateAlias", FunctionName="worker", Name="live", FunctionVersion="9")
    with pytest.raises(AwsError, match="referenced by alias live"):
        await aws("lambda", "DeleteFunction", FunctionName="worker", Qualifier="1")
    updated = await aws(
        "lambda",
        "UpdateAlias",
        FunctionName="worker",
        Name="live",
        FunctionVersion="$LATEST",
        Description="now",
    )
    assert (updated["FunctionVersion"], updated["Description"]) == ("$LATEST", "now")
    assert await aws("lambda", "GetAlias", FunctionName="worker", Name="live") == updated
    await aws("lambda", "DeleteAlias", FunctionName="worker", Name="live")
    assert (await aws("lambda", "ListAliases", FunctionName="worker"))["Aliases"] == []


async def test_a_policy_grows_and_goes(aws: Rig) -> None:
    await aws.create()
    source = "arn:aws:events:eu-west-1:123456789012:rule/orders"
    where = {"FunctionName": "worker", "Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com"}
    with pytest.raises(AwsError, match="The resource you requested does not exist"):
        await aws("lambda", "GetPolicy", FunctionName="worker")
    added = await aws("lambda", "AddPermission", StatementId="one", SourceArn=source, **where)
    statement = {
        "Sid": "one",
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": ARN,
        "Condition": {"ArnLike": {"AWS:SourceArn": source}},
    }
    assert json.loads(added["Statement"]) == statement
    with pytest.raises(AwsError) as caught:
        await aws("lambda", "AddPermission", StatementId="one", **where)
    assert caught.value.message == (
        "The statement id (one) provided already exists. "
        "Please provide a new statement id, or remove the existing statement."
    )
    policy = await aws("lambda", "GetPolicy", FunctionName="worker")
    assert json.loads(policy["Policy"]) == {
        "Version": "2012-10-17",
        "Id": "default",
        "Statement": [statement],
    }
    with pytest.raises(AwsError, match="Statement two is not found in resource policy"):
        await aws("lambda", "RemovePermission", FunctionName="worker", StatementId="two")
    await aws("lambda", "RemovePermission", FunctionName="worker", StatementId="one")
    with pytest.raises(AwsError, match="No policy is associated"):
        await aws("lambda", "RemovePermission", FunctionName="worker", StatementId="one")


async def test_settings_of_asynchronous_invocation(aws: Rig) -> None:
    await aws.create()
    with pytest.raises(AwsError, match="doesn't have an EventInvokeConfig"):
        await aws("lambda", "GetFunctionEventInvokeConfig", FunctionName="worker")
    put = await aws(
        "lambda",
        "PutFunctionEventInvokeConfig",
        FunctionName="worker",
        MaximumRetryAttempts=1,
        DestinationConfig={"OnFailure": {"Destination": ARN}},
    )
    assert put["FunctionArn"] == f"{ARN}:$LATEST"
    assert put["DestinationConfig"] == {"OnSuccess": {}, "OnFailure": {"Destination": ARN}}
    updated = await aws(
        "lambda", "UpdateFunctionEventInvokeConfig", FunctionName="worker", MaximumEventAgeInSeconds=60
    )
    assert (updated["MaximumRetryAttempts"], updated["MaximumEventAgeInSeconds"]) == (1, 60)
    bucket = "arn:aws:s3:::bucket"
    with pytest.raises(AwsError, match="OnSuccess destination"):
        await aws(
            "lambda",
            "PutFunctionEventInvokeConfig",
            FunctionName="worker",
            DestinationConfig={"OnSuccess": {"Destination": bucket}},
        )
    listed = await aws("lambda", "ListFunctionEventInvokeConfigs", FunctionName="worker")
    assert len(listed["FunctionEventInvokeConfigs"]) == 1
    await aws("lambda", "DeleteFunctionEventInvokeConfig", FunctionName="worker")
    with pytest.raises(AwsError, match="doesn't have an EventInvokeConfig"):
        await aws("lambda", "GetFunctionEventInvokeConfig", FunctionName="worker")


async def test_with_a_function_goes_all_that_belongs_to_it(aws: Rig) -> None:
    await aws.create(Publish=True)
    await aws.create("worker2")
    await aws("lambda", "CreateAlias", FunctionName="worker", Name="live", FunctionVersion="1")
    permission = {"Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com", "StatementId": "s"}
    for name in ("worker", "worker:live", "worker2"):
        await aws("lambda", "AddPermission", FunctionName=name, **permission)
    await aws("lambda", "PutFunctionEventInvokeConfig", FunctionName="worker", MaximumRetryAttempts=0)
    await aws("lambda", "DeleteFunction", FunctionName="worker")
    left = {
        kind: [record.key for record in await aws.store.list(SCOPE, f"lambda/{kind}")]
        for kind in ("function", "version", "alias", "policy", "event-invoke-config")
    }
    assert left == {
        "function": ["worker2"],
        "version": [],
        "alias": [],
        "policy": ["worker2:"],
        "event-invoke-config": [],
    }
    with pytest.raises(AwsError, match="Function not found"):
        await aws("lambda", "DeleteFunction", FunctionName="worker")


async def test_tags_concurrency_and_the_account(aws: Rig) -> None:
    await aws.create()
    await aws("lambda", "TagResource", Resource=ARN, Tags={"a": "1", "b": "2"})
    await aws("lambda", "UntagResource", Resource=ARN, TagKeys=["a"])
    assert (await aws("lambda", "ListTags", Resource=ARN))["Tags"] == {"b": "2"}
    await aws("lambda", "PutFunctionConcurrency", FunctionName="worker", ReservedConcurrentExecutions=900)
    limits = await aws("lambda", "GetAccountSettings")
    assert limits["AccountLimit"]["UnreservedConcurrentExecutions"] == 100
    assert limits["AccountUsage"]["FunctionCount"] == 1
    with pytest.raises(AwsError, match="below its minimum value"):
        await aws("lambda", "PutFunctionConcurrency", FunctionName="worker", ReservedConcurrentExecutions=901)
    await aws("lambda", "DeleteFunctionConcurrency", FunctionName="worker")
    got = await aws("lambda", "GetFunctionConcurrency", FunctionName="worker")
    assert got["ReservedConcurrentExecutions"] is None
    with pytest.raises(AwsError, match="The resource you requested does not exist"):
        await aws("lambda", "GetFunctionUrlConfig", FunctionName="worker")
