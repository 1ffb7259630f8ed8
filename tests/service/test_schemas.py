"""EventBridge Schemas over the wire: registries, schemas and their versions, search, policies, tags, inference."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from nodes import RunningNode

OPEN_API = json.dumps({"openapi": "3.0.0", "info": {"version": "1", "title": "Order"}, "paths": {}})
OTHER = json.dumps({"openapi": "3.0.0", "info": {"version": "2", "title": "Order with PIZZA"}, "paths": {}})


@pytest.fixture(scope="module")
def node() -> Iterator[RunningNode]:
    node = RunningNode()
    yield node
    assert node.stop() == 0


@pytest.fixture
def schemas(node: RunningNode, request: pytest.FixtureRequest) -> Any:
    """A client of an account of its own."""
    return node.client("schemas", account=f"{abs(hash(request.node.name)) % 10**12:012}")


def code_of(call: Any, **parameters: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as refused:
        call(**parameters)
    response = refused.value.response
    assert response["Error"]["Message"]
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def made(schemas: Any, name: str = "shop@Order", content: str = OPEN_API) -> dict[str, str]:
    """A schema in registry r. Returns the members that name it."""
    with contextlib.suppress(schemas.exceptions.ConflictException):
        schemas.create_registry(RegistryName="r")
    schemas.create_schema(RegistryName="r", SchemaName=name, Type="OpenApi3", Content=content)
    return {"RegistryName": "r", "SchemaName": name}


def test_a_registry_is_made_changed_listed_and_deleted(schemas: Any) -> None:
    made = schemas.create_registry(RegistryName="r", Description="d", Tags={"a": "1"})
    assert made["RegistryArn"].endswith(":registry/r") and made["Tags"] == {"a": "1"}
    assert code_of(schemas.create_registry, RegistryName="r") == ("ConflictException", 409)
    assert code_of(schemas.create_registry, RegistryName="no space")[0] == "BadRequestException"
    assert schemas.update_registry(RegistryName="r", Description="e")["Description"] == "e"
    assert schemas.describe_registry(RegistryName="r")["Description"] == "e"
    for name in ("s", "t"):
        schemas.create_registry(RegistryName=name)
    pages = schemas.get_paginator("list_registries").paginate(PaginationConfig={"PageSize": 2})
    assert [[one["RegistryName"] for one in page["Registries"]] for page in pages] == [["r", "s"], ["t"]]
    assert [one["RegistryName"] for one in schemas.list_registries(RegistryNamePrefix="s")["Registries"]] == [
        "s"
    ]
    assert schemas.list_registries(Scope="AWS")["Registries"] == []
    assert code_of(schemas.list_registries, Limit=0)[0] == "BadRequestException"
    assert code_of(schemas.list_registries, NextToken="x")[0] == "BadRequestException"
    schemas.delete_registry(RegistryName="r")
    assert code_of(schemas.describe_registry, RegistryName="r") == ("NotFoundException", 404)


def test_each_changed_content_is_a_version(schemas: Any) -> None:
    schema = made(schemas)
    assert schemas.describe_schema(**schema)["SchemaVersion"] == "1"
    assert code_of(schemas.update_schema, **schema, Content=OPEN_API) == ("ConflictException", 409)
    second = schemas.update_schema(**schema, Content=OTHER, Description="d")
    assert (second["SchemaVersion"], second["Type"], second["Description"]) == ("2", "OpenApi3", "d")
    assert schemas.describe_schema(**schema)["Content"] == OTHER
    assert schemas.describe_schema(**schema, SchemaVersion="1")["Content"] == OPEN_API
    assert code_of(schemas.describe_schema, **schema, SchemaVersion="3")[0] == "NotFoundException"
    assert code_of(schemas.describe_schema, **schema, SchemaVersion="x")[0] == "NotFoundException"
    versions = schemas.list_schema_versions(**schema)["SchemaVersions"]
    assert [one["SchemaVersion"] for one in versions] == ["1", "2"]
    (listed,) = schemas.list_schemas(RegistryName="r")["Schemas"]
    assert (listed["SchemaName"], listed["VersionCount"]) == ("shop@Order", 2)


def test_a_deleted_version_is_never_numbered_again(schemas: Any) -> None:
    schema = made(schemas)
    schemas.update_schema(**schema, Content=OTHER)
    schemas.delete_schema_version(**schema, SchemaVersion="2")
    assert schemas.describe_schema(**schema)["SchemaVersion"] == "1"
    assert schemas.update_schema(**schema, Content=OTHER)["SchemaVersion"] == "3"
    schemas.delete_schema_version(**schema, SchemaVersion="1")
    assert code_of(schemas.delete_schema_version, **schema, SchemaVersion="3")[0] == "BadRequestException"


def test_a_schema_is_deleted_with_its_versions_and_a_registry_when_it_is_empty(schemas: Any) -> None:
    schema = made(schemas)
    assert code_of(schemas.delete_registry, RegistryName="r")[0] == "BadRequestException"
    schemas.delete_schema(**schema)
    assert code_of(schemas.describe_schema, **schema)[0] == "NotFoundException"
    made(schemas)
    assert [one["SchemaVersion"] for one in schemas.list_schema_versions(**schema)["SchemaVersions"]] == ["1"]
    schemas.delete_schema(**schema)
    schemas.delete_registry(RegistryName="r")
    assert code_of(schemas.list_schemas, RegistryName="r")[0] == "NotFoundException"


@pytest.mark.parametrize(
    "content", ["no json", "[]", "{}", '{"openapi": "2.0", "info": {}}', '{"openapi": "3.0"}']
)
def test_what_is_no_document_of_its_kind_is_refused(schemas: Any, content: str) -> None:
    schemas.create_registry(RegistryName="r")
    code, _ = code_of(
        schemas.create_schema, RegistryName="r", SchemaName="s", Type="OpenApi3", Content=content
    )
    assert code == "BadRequestException"


def test_words_are_found_in_names_and_contents(schemas: Any) -> None:
    schema = made(schemas)
    made(schemas, "stock@Moved")
    schemas.update_schema(**schema, Content=OTHER)

    def found(words: str) -> dict[str, list[str]]:
        reply = schemas.search_schemas(RegistryName="r", Keywords=words)
        return {
            one["SchemaName"]: [version["SchemaVersion"] for version in one["SchemaVersions"]]
            for one in reply["Schemas"]
        }

    assert found("pizza") == {"shop@Order": ["2"]}
    assert found("SHOP openapi") == {"shop@Order": ["1", "2"]}
    assert found("moved pizza") == {}
    assert code_of(schemas.search_schemas, RegistryName="r", Keywords=" ")[0] == "BadRequestException"


def test_tags_of_registries_and_schemas(schemas: Any) -> None:
    schema = made(schemas)
    for arn in (
        schemas.describe_registry(RegistryName="r")["RegistryArn"],
        schemas.describe_schema(**schema)["SchemaArn"],
    ):
        schemas.tag_resource(ResourceArn=arn, Tags={"a": "1", "b": "2"})
        schemas.untag_resource(ResourceArn=arn, TagKeys=["a"])
        assert schemas.list_tags_for_resource(ResourceArn=arn)["Tags"] == {"b": "2"}
        too_many = {f"k{number}": "" for number in range(50)}
        assert code_of(schemas.tag_resource, ResourceArn=arn, Tags=too_many)[0] == "BadRequestException"
    assert code_of(schemas.list_tags_for_resource, ResourceArn=f"{arn}x")[0] == "NotFoundException"
    assert code_of(schemas.list_tags_for_resource, ResourceArn="arn:aws:s3:::b")[0] == "BadRequestException"


def test_the_policy_of_a_registry_has_revisions(schemas: Any) -> None:
    schemas.create_registry(RegistryName="r")
    assert code_of(schemas.get_resource_policy, RegistryName="r")[0] == "NotFoundException"
    statement = {"Effect": "Allow", "Principal": "*", "Action": "schemas:DescribeRegistry", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    first = schemas.put_resource_policy(RegistryName="r", Policy=policy)["RevisionId"]
    assert schemas.get_resource_policy(RegistryName="r") | {"ResponseMetadata": 0} == {
        "Policy": policy, "RevisionId": first, "ResponseMetadata": 0,
    }  # fmt: skip
    schemas.put_resource_policy(RegistryName="r", Policy=policy, RevisionId=first)
    stale = code_of(schemas.put_resource_policy, RegistryName="r", Policy=policy, RevisionId=first)
    assert stale == ("PreconditionFailedException", 412)
    assert code_of(schemas.put_resource_policy, RegistryName="r", Policy="x")[0] == "BadRequestException"
    schemas.delete_resource_policy(RegistryName="r")
    assert code_of(schemas.delete_resource_policy, RegistryName="r")[0] == "NotFoundException"


def test_a_written_schema_is_not_exported(schemas: Any) -> None:
    schema = made(schemas)
    refused = code_of(schemas.export_schema, **schema, Type="JSONSchemaDraft4")
    assert refused == ("ForbiddenException", 403)


def test_a_schema_is_derived_of_events(schemas: Any) -> None:
    content = schemas.get_discovered_schema(Events=['{"a": 1}', '{"a": 2, "b": "x"}'], Type="OpenApi3")[
        "Content"
    ]
    event = json.loads(content)["components"]["schemas"]["Event"]
    assert event["required"] == ["a"]
    assert event["properties"] == {"a": {"type": "number"}, "b": {"type": "string"}}
    for events in (["x"], ["{}"] * 11, ["[" * 5_000 + "]" * 5_000], ['{"a": ' * 200 + "1" + "}" * 200]):
        assert (
            code_of(schemas.get_discovered_schema, Events=events, Type="OpenApi3")[0] == "BadRequestException"
        )


def test_discoverers_and_code_bindings_are_refused_by_name(schemas: Any) -> None:
    code, status = code_of(schemas.create_discoverer, SourceArn="arn:aws:events:us-east-1:1:event-bus/x")
    assert (code, status) == ("NotImplementedException", 501)
    schema = made(schemas)
    assert code_of(schemas.put_code_binding, **schema, Language="Python36")[0] == "NotImplementedException"
