"""Lists and describes the resource types that a node has, with the schemas that AWS publishes of them.

All are AWS's own: nothing can be registered, activated or published here.
"""

from __future__ import annotations

import json
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.aws.pagination import page
from nightbus.services.cloudformation.shapes import BAD_TOKEN
from nightbus.services.context import Context
from nightbus.stacks.resources import RESOURCE_TYPES
from nightbus.stacks.schemas import resource_schemas

_PAGE = 100
_RESOURCE = "RESOURCE"
_VERSION = "00000001"
_OWN = (None, "AWS_TYPES")


async def list_types(
    ctx: Context,
    *,
    visibility: str | None = None,
    provisioning_type: str | None = None,
    deprecated_status: str | None = None,
    type: str | None = None,
    filters: dict[str, str] | None = None,
    max_results: int | None = None,
    next_token: str | None = None,
) -> dict[str, Any]:
    wanted = filters or {}
    prefix = wanted.get("TypeNamePrefix", "")
    shown = (
        (visibility == "PUBLIC" or wanted.get("Category") == "AWS_TYPES")
        and wanted.get("Category") in _OWN
        and not wanted.get("PublisherId")
        and type in (None, _RESOURCE)
        and deprecated_status in (None, "LIVE")
    )
    names = [
        name
        for name in sorted(RESOURCE_TYPES)
        if shown and name.startswith(prefix) and provisioning_type in (None, _provisioning(name))
    ]
    chosen, token = page(names, str, max_results or _PAGE, next_token, BAD_TOKEN)
    summaries = [
        {"Type": _RESOURCE, "TypeName": name, "TypeArn": _arn(ctx, name), "IsActivated": True}
        for name in chosen
    ]
    return {"TypeSummaries": summaries, "NextToken": token}


async def describe_type(
    ctx: Context,
    *,
    type: str | None = None,
    type_name: str | None = None,
    arn: str | None = None,
    version_id: str | None = None,
) -> dict[str, Any]:
    name = _named(type, type_name, arn)
    if version_id not in (None, _VERSION):
        raise _missing(f"{name} version {version_id}")
    schema = {"typeName": name, **resource_schemas().get(name, {})}
    return {
        "Arn": _arn(ctx, name),
        "Type": _RESOURCE,
        "TypeName": name,
        "IsDefaultVersion": True,
        "DefaultVersionId": _VERSION,
        "Description": f"Resource schema for {name}",
        "Schema": json.dumps(schema),
        "ProvisioningType": _provisioning(name),
        "DeprecatedStatus": "LIVE",
        "Visibility": "PUBLIC",
        "IsActivated": True,
        "DocumentationUrl": "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/"
        f"aws-resource-{'-'.join(name.lower().split('::')[1:])}.html",
    }


async def list_type_versions(
    ctx: Context,
    *,
    type: str | None = None,
    type_name: str | None = None,
    arn: str | None = None,
    max_results: int | None = None,
    next_token: str | None = None,
    deprecated_status: str | None = None,
) -> dict[str, Any]:
    name = _named(type, type_name, arn)
    version = {
        "Type": _RESOURCE,
        "TypeName": name,
        "VersionId": _VERSION,
        "IsDefaultVersion": True,
        "Arn": f"{_arn(ctx, name)}/{_VERSION}",
    }
    versions = [version] if deprecated_status in (None, "LIVE") else []
    chosen, token = page(versions, lambda one: str(one["Arn"]), max_results or _PAGE, next_token, BAD_TOKEN)
    return {"TypeVersionSummaries": chosen, "NextToken": token}


async def list_type_registrations(
    ctx: Context,
    *,
    type: str | None = None,
    type_name: str | None = None,
    type_arn: str | None = None,
    registration_status_filter: str | None = None,
    max_results: int | None = None,
    next_token: str | None = None,
) -> dict[str, Any]:
    """Return no registration, since Nightbus refuses to register types."""
    return {"RegistrationTokenList": []}


async def describe_type_registration(ctx: Context, *, registration_token: str) -> dict[str, Any]:
    text = f"No registration token matches the identifier provided: {registration_token}"
    raise AwsError("CFNRegistryException", text)


def _named(type: str | None, type_name: str | None, arn: str | None) -> str:
    if arn is None and (type is None or type_name is None):
        raise AwsError("ValidationError", "Either Type and TypeName, or Arn, must be specified")
    name = type_name if arn is None else _name_of(arn)
    if name is None or name not in RESOURCE_TYPES or type not in (None, _RESOURCE):
        raise _missing(str(name))
    return name


def _name_of(arn: str) -> str:
    return arn.partition(":type/resource/")[2].split("/")[0].replace("-", "::")


def _missing(name: str) -> AwsError:
    return AwsError("TypeNotFoundException", f"The type '{name}' cannot be found.", 404)


def _arn(ctx: Context, name: str) -> str:
    return f"arn:aws:cloudformation:{ctx.region}::type/resource/{name.replace('::', '-')}"


def _provisioning(name: str) -> str:
    handlers = resource_schemas().get(name, {}).get("handlers") or {}
    if "create" not in handlers:
        return "NON_PROVISIONABLE"
    return "FULLY_MUTABLE" if "update" in handlers else "IMMUTABLE"
