"""Defines the records of registries, schemas and their versions, and finds them.

A version is never changed. The record of a schema has the number of its newest version; versions are numbered from 1,
and no number is used twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from nightbus.aws.arn import arn
from nightbus.aws.calls import Scope
from nightbus.services.context import Context
from nightbus.services.schemas.errors import bad_request, no_registry, no_schema, no_version
from nightbus.store.interface import Record

REGISTRY = "schemas/registry"
SCHEMA = "schemas/schema"
VERSION = "schemas/version"
PAGE = 100
_DIGITS = 9
# Letters, digits and . - _, for schemas @ too, which parts the source from the detail type:
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-eventschemas-schema.html
_REGISTRY_NAME = re.compile(r"[0-9A-Za-z_.-]{1,64}")
_SCHEMA_NAME = re.compile(r"[0-9A-Za-z_.@-]{1,385}")


def schema_key(registry: str, schema: str = "") -> str:
    """Without a schema, the prefix of all schemas of the registry."""
    return f"{registry}|{schema}"


def version_key(registry: str, schema: str, number: int) -> str:
    return f"{version_prefix(registry, schema)}{number:0{_DIGITS}}"


def version_prefix(registry: str, schema: str) -> str:
    return f"{registry}|{schema}|"


def registry_arn(scope: Scope, registry: str) -> str:
    return arn("schemas", scope.region, scope.account, f"registry/{registry}")


def schema_arn(scope: Scope, registry: str, schema: str) -> str:
    return arn("schemas", scope.region, scope.account, f"schema/{registry}/{schema}")


def check_registry_name(name: str) -> None:
    if not _REGISTRY_NAME.fullmatch(name):
        raise bad_request(
            f"Registry name {name} is not valid: 1 to 64 letters, digits, dots, dashes and underscores."
        )


def check_schema_name(name: str) -> None:
    if not _SCHEMA_NAME.fullmatch(name):
        raise bad_request(
            f"Schema name {name} is not valid: 1 to 385 letters, digits, and the characters . - _ @."
        )


async def find_registry(ctx: Context, name: str) -> Record:
    """Raises AwsError."""
    record = await ctx.store.get(ctx.scope, REGISTRY, name)
    if record is None:
        raise no_registry(name)
    return record


async def find_schema(ctx: Context, registry: str, name: str) -> Record:
    """Raises AwsError."""
    record = await ctx.store.get(ctx.scope, SCHEMA, schema_key(registry, name))
    if record is None:
        await find_registry(ctx, registry)
        raise no_schema(name)
    return record


async def find_version(ctx: Context, registry: str, schema: Mapping[str, Any], version: str | None) -> Record:
    """The newest one by default. Raises AwsError."""
    name = str(schema["name"])
    if version is None:
        number = int(schema["newest"])
    elif version.isdecimal() and version.isascii() and len(version) <= _DIGITS:
        number = int(version)
    else:
        raise no_version(name, version)
    record = await ctx.store.get(ctx.scope, VERSION, version_key(registry, name, number))
    if record is None:
        raise no_version(name, version or str(number))
    return record


async def versions_of(ctx: Context, registry: str, schema: str) -> list[Record]:
    """From the oldest to the newest."""
    return await ctx.store.list(ctx.scope, VERSION, prefix=version_prefix(registry, schema))


def number_of(version: Record) -> int:
    return int(version.key.rpartition("|")[2])


def moment(now_ms: int) -> datetime:
    return datetime.fromtimestamp(now_ms / 1000, UTC)


def limit_of(limit: int | None) -> int:
    """Raises AwsError."""
    if limit is not None and not 1 <= limit <= PAGE:
        raise bad_request(f"Limit must be from 1 to {PAGE}.")
    return limit or PAGE
