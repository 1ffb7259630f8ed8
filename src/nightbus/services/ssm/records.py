"""Defines how parameters are stored, finds their versions, and makes the replies about them.

A parameter's record has its newest version, its labels and its tags. Each older version is a record of its own, since
a parameter may have a hundred versions of 8 KB, and most readers want the newest one.
"""

from __future__ import annotations

from typing import Any

from nightbus.aws.calls import Scope
from nightbus.services.context import Context
from nightbus.services.ssm.errors import no_parameter, no_version
from nightbus.services.ssm.names import Reference, parameter_arn
from nightbus.services.ssm.policies import policies_reply
from nightbus.services.ssm.secure_values import encrypted_text, plain_text
from nightbus.store.interface import DeleteRecord, Record

PARAMETER = "ssm/parameter"
VERSION = "ssm/parameter-version"
SECURE = "SecureString"

Version = dict[str, Any]


def version_key(name: str, number: int) -> str:
    return f"{name}:{number:012d}"


async def find_parameter(ctx: Context, reference: Reference) -> Record:
    """Raise AwsError ParameterNotFound if there is none."""
    for name in reference.names:
        record = await ctx.store.get(ctx.scope, PARAMETER, name)
        if record is not None:
            return record
    raise no_parameter()


async def find_version(ctx: Context, record: Record, selector: str) -> Version:
    """Return the version that a number or a label selects, for "" the newest one. Raises AwsError."""
    newest: Version = record.value["newest"]
    if not selector:
        return newest
    number = int(selector) if selector.isdecimal() else record.value["labels"].get(selector)
    if number == newest["number"]:
        return newest
    if number is not None and number < 10**12:
        older = await ctx.store.get(ctx.scope, VERSION, version_key(record.key, number))
        if older is not None:
            return older.value
    raise no_version(record.key, selector)


async def older_versions(ctx: Context, name: str) -> list[Version]:
    """Return all versions but the newest one, the oldest first."""
    return [record.value for record in await ctx.store.list(ctx.scope, VERSION, prefix=f"{name}:")]


def deletion(scope: Scope, record: Record) -> list[DeleteRecord]:
    """Return the changes that delete a parameter with its versions."""
    numbers = range(record.value["oldest"], record.value["newest"]["number"])
    return [
        DeleteRecord(scope, PARAMETER, record.key, expect=record.revision),
        *(DeleteRecord(scope, VERSION, version_key(record.key, number)) for number in numbers),
    ]


async def value_of(ctx: Context, name: str, version: Version, decrypt: bool) -> str:
    """Return the value. That of a SecureString is encrypted unless `decrypt`."""
    if version["type"] != SECURE:
        return str(version["value"])
    if not decrypt:
        return encrypted_text(version["value"])
    return await plain_text(ctx, parameter_arn(ctx.scope, name), version["value"])


async def parameter_reply(
    ctx: Context, name: str, version: Version, decrypt: bool, selector: str = ""
) -> dict[str, Any]:
    return {
        "Name": name,
        "Type": version["type"],
        "Value": await value_of(ctx, name, version, decrypt),
        "Version": version["number"],
        "Selector": f":{selector}" if selector else None,
        "LastModifiedDate": version["modified"] / 1000,
        "ARN": parameter_arn(ctx.scope, name),
        "DataType": version["data_type"],
    }


def metadata_reply(name: str, version: Version) -> dict[str, Any]:
    """Return what describes a version without its value."""
    return {
        "Name": name,
        "Type": version["type"],
        "KeyId": version.get("key"),
        "LastModifiedDate": version["modified"] / 1000,
        "LastModifiedUser": version["user"],
        "Description": version.get("description") or None,
        "AllowedPattern": version.get("pattern") or None,
        "Version": version["number"],
        "Tier": version["tier"],
        "Policies": policies_reply(version["policies"]),
        "DataType": version["data_type"],
    }
