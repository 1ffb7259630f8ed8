"""Every operation of every service that Nightbus has: botocore's request parsed by us, our reply parsed by botocore."""

from __future__ import annotations

from typing import Any

import pytest

import botocore_side as client
from nightbus.aws.errors import AwsError
from nightbus.gateway.catalogue import Catalogue
from nightbus.gateway.models import load_service, snake_case
from nightbus.gateway.protocols import PROTOCOLS
from nightbus.gateway.routing import Routes
from nightbus.services import SERVICES

SERVICE_OPERATIONS = [
    (service, operation)
    for service in sorted(SERVICES)
    for operation in client.service(service).operation_names
]
# Old names of the same request, which nobody can tell apart, and one that shares its URI with ListBuckets.
INDISTINGUISHABLE = {
    "GetBucketLifecycle": "GetBucketLifecycleConfiguration",
    "GetBucketNotification": "GetBucketNotificationConfiguration",
    "PutBucketLifecycle": "PutBucketLifecycleConfiguration",
    "PutBucketNotification": "PutBucketNotificationConfiguration",
    "ListDirectoryBuckets": "ListBuckets",
}


@pytest.fixture(scope="module")
def routes() -> Routes:
    return Routes(Catalogue.read())


def params_of(operation: Any) -> dict[str, Any]:
    if operation.input_shape is None:
        return {}
    filled: dict[str, Any] = client.plain_headers(operation.input_shape, client.filled(operation.input_shape))
    if operation.service_model.service_name == "s3":
        filled.pop("Expires", None)  # botocore sends a date where its own model has a string
    return filled


@pytest.mark.parametrize(("service", "name"), SERVICE_OPERATIONS)
def test_a_request_means_what_botocore_meant(service: str, name: str, routes: Routes) -> None:
    model = client.service(service)
    operation = model.operation_model(name)
    params = params_of(operation)
    protocol = load_service(service).protocol
    wire = client.request(model, operation, params, protocol)
    route = routes.find(wire)
    assert route.operation.name == INDISTINGUISHABLE.get(name, name)
    if name in INDISTINGUISHABLE:
        return
    found = PROTOCOLS[route.protocol].parse(route.operation, wire)
    if route.operation.input_is_streamed and route.operation.input is not None:
        params.pop(route.operation.input.payload or "", None)
    assert found == client.comparable(params)


@pytest.mark.parametrize(
    ("service", "name"), [pair for pair in SERVICE_OPERATIONS if pair[1] not in INDISTINGUISHABLE]
)
def test_a_reply_is_read_as_it_was_meant(service: str, name: str) -> None:
    operation = client.service(service).operation_model(name)
    shape = operation.output_shape
    if shape is None or any(member.serialization.get("eventstream") for member in shape.members.values()):
        return
    output = client.plain_headers(shape, client.filled(shape))
    protocol = load_service(service).protocol
    response = PROTOCOLS[protocol].serialize(load_service(service).operations[name], output, "an-id")
    found = client.parsed(operation, response, protocol)
    found.pop("ResponseMetadata")
    for member, one in shape.members.items():
        if one.serialization.get("location") == "statusCode":
            output.pop(member)
            found.pop(member, None)
    if name == "GetBucketLocation":  # botocore reads this one in a handler of its own
        assert output["LocationConstraint"] in str(response.body)
        return
    assert client.comparable(found) == client.comparable(output)


@pytest.mark.parametrize(
    "service", [*sorted(SERVICES), "dynamodb", "sqs", "ec2", "route53", "kinesis", "sns"]
)
def test_an_error_is_read_with_code_message_and_status(service: str, routes: Routes) -> None:
    model = client.service(service)
    operation = model.operation_model(model.operation_names[0])
    protocol = load_service(service).protocol
    error = AwsError("SomethingWrong", "It went <wrong>.", 418)
    response = PROTOCOLS[protocol].serialize_error(load_service(service), error, "an-id")
    found = client.parsed(operation, response, protocol)
    assert found["Error"]["Code"] == "SomethingWrong"
    assert found["Error"]["Message"] == "It went <wrong>."
    assert found["ResponseMetadata"]["HTTPStatusCode"] == 418
    assert found["ResponseMetadata"]["RequestId"] == "an-id"


@pytest.mark.parametrize(
    "service", ["dynamodb", "sqs", "ec2", "route53", "kinesis", "sns", "stepfunctions", "ecs"]
)
def test_operations_of_services_that_are_not_there_are_still_known(service: str, routes: Routes) -> None:
    model = client.service(service)
    protocol = load_service(service).protocol
    for name in model.operation_names[:5]:
        operation = model.operation_model(name)
        route = routes.find(client.request(model, operation, params_of(operation), protocol))
        assert (route.operation.service.name, route.operation.name) == (service, name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("EventBusName", "event_bus_name"),
        ("ACL", "acl"),
        ("ContentMD5", "content_md5"),
        ("S3Key", "s3_key"),
        ("RoleARN", "role_arn"),
        ("limit", "limit"),
        ("logGroupName", "log_group_name"),
        ("NotificationARNs", "notification_arns"),
        ("IfNoneMatch", "if_none_match"),
    ],
)
def test_members_in_snake_case(name: str, expected: str) -> None:
    assert snake_case(name) == expected
