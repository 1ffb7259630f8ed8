"""Does each resource type agree with the schema that AWS publishes of it? (cfn-lint, of the SAM CLI, carries them.)"""

from __future__ import annotations

import importlib.resources
import json
from typing import Any

import pytest

from nightbus.stacks.interface import RefusesUpdates
from nightbus.stacks.resources import RESOURCE_TYPES

# Where we are stricter than the schema, and why.
STRICTER_REQUIRED = {
    "AWS::Lambda::EventSourceMapping": {
        "EventSourceArn"
    },  # self-managed sources, which have none, are not there
}
MORE_REPLACED = {
    "AWS::EventSchemas::RegistryPolicy": {"RegistryName"},  # CloudFormation's page of the type
    "AWS::IAM::Policy": {"PolicyName"},
    "AWS::Events::Rule": {"EventBusName"},  # the schema has it under its conditional ones
    "AWS::Logs::LogGroup": {"LogGroupClass"},  # a group's class cannot be changed
}


def schema(type_name: str) -> dict[str, Any]:
    folder = importlib.resources.files("cfnlint.data.schemas")
    names = json.loads((folder / "providers" / "us-east-1.json").read_text())
    found: dict[str, Any] = json.loads((folder / "resources" / f"{names[type_name]}.json").read_text())
    return found


def top_level(pointers: list[str]) -> set[str]:
    return {one.split("/")[2] for one in pointers if one.count("/") == 2}


@pytest.mark.parametrize("type_name", RESOURCE_TYPES)
def test_properties_are_those_of_the_schema(type_name: str) -> None:
    kind, published = RESOURCE_TYPES[type_name], schema(type_name)
    assert kind.type_name == type_name
    settable = set(published["properties"]) - top_level(published.get("readOnlyProperties", []))
    assert kind.properties <= settable
    assert kind.required == set(published.get("required", [])) | STRICTER_REQUIRED.get(type_name, set())
    assert kind.required <= kind.properties


@pytest.mark.parametrize("type_name", RESOURCE_TYPES)
def test_what_needs_a_new_resource_is_what_the_schema_says(type_name: str) -> None:
    kind, published = RESOURCE_TYPES[type_name], schema(type_name)
    fixed = top_level(published.get("createOnlyProperties", [])) & kind.properties
    if fixed and isinstance(kind, RefusesUpdates):
        assert kind.refused_update(dict.fromkeys(fixed, "a"), dict.fromkeys(fixed, "b"))
        fixed = set()
    assert kind.replace_on == fixed | MORE_REPLACED.get(type_name, set())
