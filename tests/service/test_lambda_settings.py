"""Layer permissions, destinations in buckets, code signing, keys, qualifiers and revisions of functions, by boto3."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from lambda_rig import allow, code, function_role, layer
from waiting import wait_for

Client = Callable[..., Any]
QUICK = {"Delay": 1, "MaxAttempts": 30}
OTHER = "111122223333"


@pytest.fixture
def functions(client: Client) -> Any:
    return client("lambda")


@pytest.fixture
def name(client: Client) -> str:
    return create(client)


def create(client: Client, **more: Any) -> str:
    made = f"set-{uuid4().hex[:8]}"
    role = function_role(client("iam"), name=made)
    functions = client("lambda")
    functions.create_function(
        FunctionName=made,
        Runtime="python3.11",
        Handler="app.handler",
        Role=role,
        Code={"ZipFile": code("def handler(event, context):\n    return 1 / event['divisor']\n")},
        **more,
    )
    settle(functions, made)
    return made


def settle(functions: Any, name: str) -> None:
    for waiter in ("function_active_v2", "function_updated_v2"):
        functions.get_waiter(waiter).wait(FunctionName=name, WaiterConfig=QUICK)


def refusal(call: Callable[..., Any], **params: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def test_a_layer_is_used_by_other_accounts_where_its_policy_lets_them(client: Client, functions: Any) -> None:
    made = functions.publish_layer_version(LayerName=f"l-{uuid4().hex[:8]}", Content={"ZipFile": layer()})
    arn, reference = (
        made["LayerVersionArn"],
        {"LayerName": made["LayerArn"], "VersionNumber": made["Version"]},
    )

    def other(service: str, **options: Any) -> Any:
        return client(service, account=OTHER, **options)

    assert refusal(other("lambda").get_layer_version_by_arn, Arn=arn) == ("AccessDeniedException", 403)
    assert refusal(functions.get_layer_version_policy, **reference) == ("ResourceNotFoundException", 404)
    added = functions.add_layer_version_permission(
        **reference, StatementId="other", Action="lambda:GetLayerVersion", Principal=OTHER
    )
    statement = json.loads(added["Statement"])
    assert statement["Principal"] == {"AWS": f"arn:aws:iam::{OTHER}:root"}
    assert statement["Resource"] == arn
    assert other("lambda").get_layer_version_by_arn(Arn=arn)["LayerArn"] == made["LayerArn"]
    used = create(other, Layers=[arn])
    assert other("lambda").get_function_configuration(FunctionName=used)["Layers"][0]["Arn"] == arn
    policy = functions.get_layer_version_policy(**reference)
    assert (policy["RevisionId"], json.loads(policy["Policy"])["Statement"]) == (
        added["RevisionId"],
        [statement],
    )
    again = reference | {"StatementId": "other", "Action": "lambda:GetLayerVersion", "Principal": "*"}
    assert refusal(functions.add_layer_version_permission, **again) == ("ResourceConflictException", 409)
    removed = reference | {"StatementId": "other"}
    stale = refusal(functions.remove_layer_version_permission, **removed, RevisionId="stale")
    assert stale == ("PreconditionFailedException", 412)
    functions.remove_layer_version_permission(**removed, RevisionId=added["RevisionId"])
    assert refusal(other("lambda").get_layer_version_by_arn, Arn=arn)[0] == "AccessDeniedException"


def test_a_failed_events_record_is_put_into_a_bucket(functions: Any, client: Client, name: str) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket=name)
    allow(client("iam"), name, "s3:PutObject", "s3:ListBucket")
    bucket = {"Destination": f"arn:aws:s3:::{name}"}
    asked = {"FunctionName": name, "MaximumRetryAttempts": 0}
    put = functions.put_function_event_invoke_config
    assert refusal(put, **asked, DestinationConfig={"OnSuccess": bucket})[1] in (400, 501)
    put(**asked, DestinationConfig={"OnFailure": bucket})
    functions.invoke(FunctionName=name, InvocationType="Event", Payload=b'{"divisor": 0}')
    found = wait_for(lambda: s3.list_objects_v2(Bucket=name).get("Contents"))
    layout = rf"aws/lambda/async/{name}/\d{{4}}/\d\d/\d\d/\d{{4}}-\d\d-\d\dT\d\d\.\d\d\.\d\d-[0-9a-f-]{{36}}"
    assert re.fullmatch(layout, found[0]["Key"])
    record = json.load(s3.get_object(Bucket=name, Key=found[0]["Key"])["Body"])
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["responsePayload"]["errorType"] == "ZeroDivisionError"
    rules = client("events")
    rules.put_rule(Name=name, EventPattern='{"source": ["x"]}')
    with pytest.raises(ClientError, match="is not supported by Nightbus yet"):
        rules.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": f"arn:aws:s3:::{name}"}])


def test_the_operation_before_asynchronous_invoke(functions: Any, client: Client, name: str) -> None:
    assert functions.invoke_async(FunctionName=name, InvokeArgs=b'{"divisor": 1}')["Status"] == 202
    logs = client("logs")

    def reported() -> bool:
        try:
            found = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}", filterPattern="REPORT")
        except ClientError:
            return False
        return bool(found["events"])

    wait_for(reported)


def test_there_is_no_code_signing(functions: Any, name: str) -> None:
    arn = "arn:aws:lambda:us-east-1:000000000000:code-signing-config:csc-0123456789abcdef0"
    assert functions.list_code_signing_configs()["CodeSigningConfigs"] == []
    assert "CodeSigningConfigArn" not in functions.get_function_code_signing_config(FunctionName=name)
    functions.delete_function_code_signing_config(FunctionName=name)
    asked = {"FunctionName": name, "CodeSigningConfigArn": arn}
    put = refusal(functions.put_function_code_signing_config, **asked)
    assert put == ("CodeSigningConfigNotFoundException", 404)
    for call in (functions.get_code_signing_config, functions.list_functions_by_code_signing_config):
        assert refusal(call, CodeSigningConfigArn=arn) == ("ResourceNotFoundException", 404)
    publishers = {
        "SigningProfileVersionArns": ["arn:aws:signer:us-east-1:000000000000:/signing-profiles/p/0123456789"]
    }
    with pytest.raises(ClientError, match=r"lambda:CreateCodeSigningConfig is not supported by Nightbus yet"):
        functions.create_code_signing_config(AllowedPublishers=publishers)


def test_the_key_of_the_environment_is_kept_and_shown(client: Client, functions: Any) -> None:
    key = client("kms").create_key()["KeyMetadata"]["Arn"]
    name = create(
        client, KMSKeyArn=key, Environment={"Variables": {"AB": "1"}}, TracingConfig={"Mode": "Active"}
    )
    config = functions.get_function_configuration(FunctionName=name)
    assert (config["KMSKeyArn"], config["TracingConfig"]) == (key, {"Mode": "Active"})
    functions.update_function_configuration(FunctionName=name, KMSKeyArn="")
    assert "KMSKeyArn" not in functions.get_function_configuration(FunctionName=name)


def test_names_of_a_function_and_their_qualifiers(functions: Any, name: str) -> None:
    functions.publish_version(FunctionName=name)
    functions.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{name}"
    for text in (name, f"function:{name}", f"000000000000:function:{name}", arn):
        assert functions.get_function_configuration(FunctionName=text)["FunctionArn"] == arn
        qualified = functions.get_function_configuration(FunctionName=f"{text}:live")
        assert (qualified["FunctionArn"], qualified["Version"]) == (f"{arn}:live", "1")
        invoked = functions.invoke(FunctionName=f"{text}:live", Payload=b'{"divisor": 1}')
        assert invoked["ExecutedVersion"] == "1"
    get = functions.get_function_configuration
    contradiction = refusal(get, FunctionName=f"{name}:1", Qualifier="live")
    assert contradiction == ("InvalidParameterValueException", 400)
    for text in (arn.replace("us-east-1", "eu-west-1"), f"{arn}:none"):
        assert refusal(get, FunctionName=text) == ("ResourceNotFoundException", 404)
    of_another_account = arn.replace("000000000000", OTHER)
    assert refusal(get, FunctionName=of_another_account) == ("AccessDeniedException", 403)
    delete = functions.delete_function
    assert refusal(delete, FunctionName=name, Qualifier="1") == ("ResourceConflictException", 409)
    assert refusal(delete, FunctionName=name, Qualifier="live") == ("InvalidParameterValueException", 400)
    functions.delete_alias(FunctionName=name, Name="live")
    delete(FunctionName=name, Qualifier="1")
    assert refusal(get, FunctionName=name, Qualifier="1") == ("ResourceNotFoundException", 404)
    settle(functions, name)


def test_revisions_and_digests_that_are_not_the_newest(functions: Any, name: str) -> None:
    config = functions.get_function_configuration(FunctionName=name)
    stale = ("PreconditionFailedException", 412)
    other = code("def handler(event, context):\n    return 2\n")
    calls: list[tuple[Callable[..., Any], dict[str, Any]]] = [
        (functions.update_function_code, {"ZipFile": other}),
        (functions.update_function_configuration, {"Timeout": 4}),
        (functions.publish_version, {}),
    ]
    for call, params in calls:
        assert refusal(call, FunctionName=name, RevisionId="stale", **params) == stale
    tried = functions.update_function_code(FunctionName=name, ZipFile=other, DryRun=True)
    assert tried["CodeSha256"] != config["CodeSha256"]
    assert functions.get_function_configuration(FunctionName=name)["CodeSha256"] == config["CodeSha256"]
    wrong = refusal(functions.publish_version, FunctionName=name, CodeSha256=tried["CodeSha256"])
    assert wrong == ("InvalidParameterValueException", 400)
    functions.update_function_code(
        FunctionName=name, ZipFile=other, RevisionId=config["RevisionId"], Architectures=["arm64"]
    )
    settle(functions, name)
    assert functions.get_function_configuration(FunctionName=name)["Architectures"] == ["arm64"]
    first = functions.publish_version(FunctionName=name, CodeSha256=tried["CodeSha256"])
    assert functions.publish_version(FunctionName=name)["Version"] == first["Version"]
    alias = functions.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    assert refusal(functions.update_alias, FunctionName=name, Name="live", RevisionId="stale") == stale
    functions.update_alias(FunctionName=name, Name="live", RevisionId=alias["RevisionId"])


def test_weights_of_an_alias(functions: Any, name: str) -> None:
    for timeout in (4, 5):
        functions.update_function_configuration(FunctionName=name, Timeout=timeout)
        settle(functions, name)
        functions.publish_version(FunctionName=name)
    functions.create_alias(
        FunctionName=name,
        Name="live",
        FunctionVersion="1",
        RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}},
    )
    seen: set[str] = set()

    def both_ran() -> bool:
        reply = functions.invoke(FunctionName=name, Qualifier="live", Payload=b'{"divisor": 1}')
        seen.add(reply["ExecutedVersion"])
        return seen == {"1", "2"}

    wait_for(both_ran)
    update = functions.update_alias
    wrong = ("InvalidParameterValueException", 400)
    assert refusal(update, FunctionName=name, Name="live", FunctionVersion="2") == wrong
    assert refusal(update, FunctionName=name, Name="live", FunctionVersion="$LATEST") == wrong
    both = {"AdditionalVersionWeights": {"1": 0.1, "2": 0.2}}
    assert refusal(update, FunctionName=name, Name="live", RoutingConfig=both) == wrong
