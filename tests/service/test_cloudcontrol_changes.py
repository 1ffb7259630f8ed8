"""The Cloud Control API by boto3: resources of the types of `tests/type_lives` created, patched, listed and deleted."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from aws_refusals import refusal
from nightbus.stacks.schemas import resource_schemas
from type_lives import all_lives
from waiting import wait_for

Client = Callable[..., Any]
ALONE = sorted(
    name
    for name, life in all_lives().items()
    if not life.around
    and life.update
    and not life.type.startswith(("AWS::CDK", "AWS::CloudFormation"))
    and not any(mark in json.dumps(life.properties) for mark in ("Fn::", "{{resolve:"))
)


def ended(client: Client, event: dict[str, Any]) -> dict[str, Any]:
    def progress() -> dict[str, Any] | None:
        reply = client("cloudcontrol").get_resource_request_status(RequestToken=event["RequestToken"])
        found: dict[str, Any] = reply["ProgressEvent"]
        return None if found["OperationStatus"] in ("PENDING", "IN_PROGRESS") else found

    return wait_for(progress)


def created(client: Client, type_name: str, properties: Any, **more: Any) -> dict[str, Any]:
    reply = client("cloudcontrol").create_resource(
        TypeName=type_name, DesiredState=json.dumps(properties), **more
    )
    event = reply["ProgressEvent"]
    assert event["OperationStatus"] in ("PENDING", "IN_PROGRESS")
    return ended(client, event)


def shown(client: Client, type_name: str, identifier: str) -> dict[str, Any]:
    reply = client("cloudcontrol").get_resource(TypeName=type_name, Identifier=identifier)
    found: dict[str, Any] = json.loads(reply["ResourceDescription"]["Properties"])
    return found


@pytest.mark.parametrize("type_name", ALONE)
def test_life(type_name: str, client: Client) -> None:
    life, cloud = all_lives()[type_name], client("cloudcontrol")
    name = f"cloud-{type_name.split('::', 1)[1].replace('::', '-').lower()}"
    properties = json.loads(json.dumps(life.properties).replace("NAME", name))
    made = created(client, type_name, properties)
    assert made["OperationStatus"] == "SUCCESS", made
    identifier = made["Identifier"]
    before = shown(client, type_name, identifier)
    listed = (
        cloud.get_paginator("list_resources").paginate(TypeName=type_name).search("ResourceDescriptions[]")
    )
    if "list" in resource_schemas()[type_name]["handlers"]:
        assert identifier in [one["Identifier"] for one in listed]
    else:
        with pytest.raises(ClientError, match="does not support LIST action"):
            list(listed)

    update = json.loads(json.dumps(life.update).replace("NAME", name))
    patch = [
        {"op": "remove", "path": f"/{key}"}
        if value is None
        else {"op": "add", "path": f"/{key}", "value": value}
        for key, value in update.items()
    ]
    reply = cloud.update_resource(TypeName=type_name, Identifier=identifier, PatchDocument=json.dumps(patch))
    changed = ended(client, reply["ProgressEvent"])
    assert changed["OperationStatus"] == "SUCCESS", changed
    assert shown(client, type_name, identifier) != before

    reply = cloud.delete_resource(TypeName=type_name, Identifier=identifier)
    assert ended(client, reply["ProgressEvent"])["OperationStatus"] == "SUCCESS"
    code, _, _ = refusal(cloud.get_resource, TypeName=type_name, Identifier=identifier)
    assert code == "ResourceNotFoundException"
    gone = ended(client, cloud.delete_resource(TypeName=type_name, Identifier=identifier)["ProgressEvent"])
    assert (gone["OperationStatus"], gone["ErrorCode"]) == ("FAILED", "NotFound")


def test_what_is_refused(client: Client) -> None:
    cloud, queue = client("cloudcontrol"), "AWS::SQS::Queue"
    identifier = created(client, queue, {"QueueName": "cloud-refused"})["Identifier"]
    again = created(client, queue, {"QueueName": "cloud-refused"})
    assert (again["OperationStatus"], again["ErrorCode"]) == ("FAILED", "AlreadyExists")

    def patch(value: Any) -> tuple[str, int, str]:
        return refusal(
            cloud.update_resource, TypeName=queue, Identifier=identifier, PatchDocument=json.dumps(value)
        )

    assert patch([{"op": "replace", "path": "/QueueName", "value": "b"}])[0] == "NotUpdatableException"
    assert patch([{"op": "replace", "path": "/Arn", "value": "b"}])[0] == "InvalidRequestException"
    assert patch([{"op": "remove", "path": "/Nothing"}])[0] == "InvalidRequestException"
    assert patch([{"op": "add", "path": "/DelaySeconds", "value": "x"}])[0] == "InvalidRequestException"
    for desired in ("[]", "{", '{"Arn": "a"}', '{"Nothing": 1}'):
        code, _, _ = refusal(cloud.create_resource, TypeName=queue, DesiredState=desired)
        assert code == "InvalidRequestException"
    code, _, _ = refusal(cloud.create_resource, TypeName="AWS::EC2::VPC", DesiredState="{}")
    assert code == "UnsupportedActionException"
    code, _, _ = refusal(cloud.get_resource_request_status, RequestToken="none")
    assert code == "RequestTokenNotFoundException"
    code, _, _ = refusal(cloud.update_resource, TypeName=queue, Identifier="https://none", PatchDocument="[]")
    assert code == "ResourceNotFoundException"
    cloud.delete_resource(TypeName=queue, Identifier=identifier)


def test_the_token_of_a_client_stands_for_one_request(client: Client) -> None:
    cloud, group = client("cloudcontrol"), "AWS::Logs::LogGroup"
    first = created(client, group, {"LogGroupName": "/cloud/token"}, ClientToken="cloud-token")
    reply = cloud.create_resource(
        TypeName=group, DesiredState='{"LogGroupName": "/cloud/token"}', ClientToken="cloud-token"
    )
    assert reply["ProgressEvent"]["RequestToken"] == first["RequestToken"]
    code, _, _ = refusal(cloud.create_resource, TypeName=group, DesiredState="{}", ClientToken="cloud-token")
    assert code == "ClientTokenConflictException"
    listed = cloud.list_resource_requests(ResourceRequestStatusFilter={"Operations": ["CREATE"]})
    tokens = [one["RequestToken"] for one in listed["ResourceRequestStatusSummaries"]]
    assert first["RequestToken"] in tokens
    code, _, _ = refusal(cloud.cancel_resource_request, RequestToken=first["RequestToken"])
    assert code == "ConcurrentModificationException"
    cloud.delete_resource(TypeName=group, Identifier="/cloud/token")


def test_types_and_their_schemas(client: Client) -> None:
    cloudformation = client("cloudformation")
    assert cloudformation.list_types()["TypeSummaries"] == []
    pages = cloudformation.get_paginator("list_types").paginate(
        Visibility="PUBLIC", Filters={"Category": "AWS_TYPES", "TypeNamePrefix": "AWS::SQS::"}
    )
    names = [one["TypeName"] for one in pages.search("TypeSummaries[]")]
    assert names == ["AWS::SQS::Queue", "AWS::SQS::QueueInlinePolicy", "AWS::SQS::QueuePolicy"]
    described = cloudformation.describe_type(Type="RESOURCE", TypeName="AWS::SQS::Queue")
    schema = json.loads(described["Schema"])
    assert (schema["typeName"], schema["primaryIdentifier"]) == ("AWS::SQS::Queue", ["/properties/QueueUrl"])
    assert described["ProvisioningType"] == "FULLY_MUTABLE"
    assert cloudformation.describe_type(Arn=described["Arn"])["TypeName"] == "AWS::SQS::Queue"
    versions = cloudformation.list_type_versions(Type="RESOURCE", TypeName="AWS::SQS::Queue")
    assert len(versions["TypeVersionSummaries"]) == 1
    code, _, _ = refusal(cloudformation.describe_type, Type="RESOURCE", TypeName="My::Own::Type")
    assert code == "TypeNotFoundException"
    assert cloudformation.list_type_registrations()["RegistrationTokenList"] == []
    code, _, _ = refusal(
        cloudformation.register_type, TypeName="My::Own::Type", SchemaHandlerPackage="s3://b/k"
    )
    assert code == "NotImplementedException"


def test_two_resources_of_a_type_whose_ids_the_service_chooses_are_two(client: Client) -> None:
    for number in range(2):
        created(
            client, "AWS::Logs::QueryDefinition", {"Name": f"two-{number}", "QueryString": "fields @message"}
        )
    names = [one["name"] for one in client("logs").describe_query_definitions()["queryDefinitions"]]
    assert {"two-0", "two-1"} <= set(names)
