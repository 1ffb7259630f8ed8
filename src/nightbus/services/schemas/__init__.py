"""Registers the operations of EventBridge Schemas: registries of schemas, in which test events are shared too."""

from __future__ import annotations

from nightbus.services.context import Handler
from nightbus.services.schemas import definitions, discovery, policies, registries, searching, tags, versions

HANDLERS: dict[str, Handler] = {
    "CreateRegistry": registries.create_registry,
    "CreateSchema": definitions.create_schema,
    "DeleteRegistry": registries.delete_registry,
    "DeleteResourcePolicy": policies.delete_resource_policy,
    "DeleteSchema": definitions.delete_schema,
    "DeleteSchemaVersion": versions.delete_schema_version,
    "DescribeRegistry": registries.describe_registry,
    "DescribeSchema": definitions.describe_schema,
    "ExportSchema": versions.export_schema,
    "GetDiscoveredSchema": discovery.get_discovered_schema,
    "GetResourcePolicy": policies.get_resource_policy,
    "ListRegistries": registries.list_registries,
    "ListSchemaVersions": versions.list_schema_versions,
    "ListSchemas": definitions.list_schemas,
    "ListTagsForResource": tags.list_tags_for_resource,
    "PutResourcePolicy": policies.put_resource_policy,
    "SearchSchemas": searching.search_schemas,
    "TagResource": tags.tag_resource,
    "UntagResource": tags.untag_resource,
    "UpdateRegistry": registries.update_registry,
    "UpdateSchema": definitions.update_schema,
}
