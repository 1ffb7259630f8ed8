"""Says which actions each operation needs, as the Service Authorization Reference has it.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridgeschemas.html
"""

from __future__ import annotations

from collections.abc import Mapping

from nightbus.aws.arn import Arn
from nightbus.aws.calls import Scope
from nightbus.identity.needs import ANY, Asked, NeedsOf, needs, request_tags, when
from nightbus.policies.callers import NO_STATEMENTS
from nightbus.policies.decision import PolicyKind
from nightbus.policies.document import Policy, compiled_policy
from nightbus.policies.request import Values
from nightbus.services.context import Platform
from nightbus.services.schemas.records import REGISTRY, SCHEMA, registry_arn, schema_arn, schema_key
from nightbus.store.interface import Record


def _registry(asked: Asked) -> str:
    return registry_arn(asked.call.scope, asked.text("RegistryName") or "discovered-schemas")


def _schema(asked: Asked) -> str:
    return schema_arn(asked.call.scope, asked.text("RegistryName"), asked.text("SchemaName"))


def _schemas(asked: Asked) -> str:
    return schema_arn(asked.call.scope, asked.text("RegistryName"), "*")


def _registries(asked: Asked) -> str:
    return registry_arn(asked.call.scope, "*")


def _resource(asked: Asked) -> str:
    return asked.text("ResourceArn") or ANY


_TAGS = request_tags("Tags")
_ACTIONS: dict[str, NeedsOf] = {
    **{
        operation: needs(f"schemas:{operation}", _registry)
        for operation in (
            "DeleteRegistry", "DeleteResourcePolicy", "DescribeRegistry", "GetResourcePolicy", "PutResourcePolicy",
            "UpdateRegistry",
        )
    },
    **{
        operation: needs(f"schemas:{operation}", _schema)
        for operation in (
            "DeleteSchema", "DeleteSchemaVersion", "DescribeSchema", "ExportSchema", "ListSchemaVersions",
            "UpdateSchema",
        )
    },
    "CreateRegistry": needs(
        "schemas:CreateRegistry",
        _registry,
        when("Tags", needs("schemas:TagResource", _registry, keys=_TAGS)),
        keys=_TAGS,
    ),
    "CreateSchema": needs(
        "schemas:CreateSchema",
        _schema,
        when("Tags", needs("schemas:TagResource", _schema, keys=_TAGS)),
        keys=_TAGS,
    ),
    "GetDiscoveredSchema": needs("schemas:GetDiscoveredSchema"),
    "ListRegistries": needs("schemas:ListRegistries", _registries),
    "ListSchemas": needs("schemas:ListSchemas", _schemas),
    "ListTagsForResource": needs("schemas:ListTagsForResource", _resource),
    "SearchSchemas": needs("schemas:SearchSchemas", _schemas),
    "TagResource": needs("schemas:TagResource", _resource, keys=_TAGS),
    "UntagResource": needs("schemas:UntagResource", _resource, keys=request_tags("TagKeys")),
}  # fmt: skip
ACTIONS: Mapping[str, NeedsOf] = dict(sorted(_ACTIONS.items()))

POLICY_RECORDS = (REGISTRY,)  # that have policies with principals


async def resource_policy(platform: Platform, arn: str) -> Policy | None:
    """That of the registry, for its schemas too."""
    named = _named(arn)
    if named is None:
        return None
    scope, registry, _ = named
    record = await platform.store.get(scope, REGISTRY, registry)
    if record is None:
        return None
    document = record.value["policy"]
    return compiled_policy(document, PolicyKind.RESOURCE, arn) if document else NO_STATEMENTS


async def resource_tags(platform: Platform, arn: str, keys: Mapping[str, Values]) -> Mapping[str, str]:
    named = _named(arn)
    if named is None:
        return {}
    scope, registry, schema = named
    record: Record | None
    if schema:
        record = await platform.store.get(scope, SCHEMA, schema_key(registry, schema))
    else:
        record = await platform.store.get(scope, REGISTRY, registry)
    tags: dict[str, str] = record.value["tags"] if record is not None else {}
    return tags


def _named(arn: str) -> tuple[Scope, str, str] | None:
    """The registry and, of a schema, the schema."""
    try:
        named = Arn.parse(arn)
    except ValueError:
        return None
    kind, _, name = named.resource.partition("/")
    registry, _, schema = name.partition("/")
    if kind not in ("registry", "schema") or not registry or (kind == "schema") != bool(schema):
        return None
    return Scope(named.account, named.region), registry, schema
