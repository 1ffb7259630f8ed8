"""The lives of the types of EventBridge Schemas."""

from __future__ import annotations

import json
from typing import Any

from type_lives import Drift, Life

REGISTRY = {"Type": "AWS::EventSchemas::Registry", "Properties": {"RegistryName": "NAME-registry"}}
OTHER = {"Type": "AWS::EventSchemas::Registry", "Properties": {"RegistryName": "NAME-second"}}
NAME_OF = {"Fn::GetAtt": ["Registry", "RegistryName"]}
OTHER_NAME = {"Fn::GetAtt": ["Other", "RegistryName"]}


def document(title: str) -> str:
    return json.dumps({"openapi": "3.0.0", "info": {"version": "1", "title": title}, "paths": {}})


def policy(action: str) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": "*", "Action": f"schemas:{action}", "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [statement]}


LIVES = [
    Life(
        "AWS::EventSchemas::Registry",
        {"Description": "one", "Tags": [{"Key": "a", "Value": "1"}]},
        update={"Description": "two", "Tags": [{"Key": "b", "Value": "2"}]},
        replacement={"RegistryName": "NAME-other"},
        failing={"RegistryName": "no name?"},
        drift=Drift(
            lambda client, id, name: client("schemas").update_registry(
                RegistryName=id.rpartition("/")[2], Description="changed"
            ),
            "/Description",
        ),
    ),
    Life(
        "AWS::EventSchemas::Schema",
        {"RegistryName": NAME_OF, "Type": "OpenApi3", "Content": document("one")},
        update={"Content": document("two"), "Description": "two"},
        replacement={"SchemaName": "NAME@Other"},
        failing={"Content": "nonsense"},
        drift=Drift(
            lambda client, id, name: client("schemas").update_schema(
                RegistryName=f"{name}-registry", SchemaName=id.rpartition("/")[2], Description="changed"
            ),
            "/Description",
        ),
        around={"Registry": REGISTRY},
    ),
    Life(
        "AWS::EventSchemas::RegistryPolicy",
        {"RegistryName": NAME_OF, "Policy": policy("DescribeRegistry")},
        update={"Policy": policy("DescribeSchema")},
        replacement={"RegistryName": OTHER_NAME},
        failing={"Policy": "nonsense"},
        drift=Drift(
            lambda client, id, name: client("schemas").put_resource_policy(
                RegistryName=id, Policy=json.dumps(policy("ListSchemas"))
            ),
            "/Policy/Statement/0/Action",
        ),
        around={"Registry": REGISTRY, "Other": OTHER},
    ),
]
