"""Reads the values of dynamic references, right before a resource is created or updated with them.

The values go to the resource and nowhere else: a stack's records, its events and change sets have the references.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.stacks.interface import ResourceContext
from nightbus.stacks.templates.dynamic_references import (
    DynamicReference,
    Unresolved,
    has_reference,
    references_in,
    replaced,
)
from nightbus.stacks.templates.parameters import MASK


@dataclass
class ReferenceValues:
    """The values of one resource's references. `mask` hides the secret ones in a text, such as a service's error."""

    secrets: list[str] = field(default_factory=list)

    async def resolved(self, properties: dict[str, Any], ctx: ResourceContext) -> dict[str, Any]:
        """Return the properties with the values of their references. Raises Unresolved."""
        if not has_reference(properties):
            return properties
        values: dict[str, str] = {}
        for reference in dict.fromkeys(references_in(properties)):
            values[reference.text] = await _value(reference, ctx)
            if reference.is_secret:
                self.secrets.append(values[reference.text])
        result: dict[str, Any] = replaced(properties, values.__getitem__)
        return result

    def mask(self, text: str) -> str:
        for secret in sorted(self.secrets, key=len, reverse=True):
            if secret:
                text = text.replace(secret, MASK)
        return text


async def _value(reference: DynamicReference, ctx: ResourceContext) -> str:
    if reference.service == "secretsmanager":
        return await _secret_value(reference, ctx)
    return await _parameter_value(reference, ctx)


async def _parameter_value(reference: DynamicReference, ctx: ResourceContext) -> str:
    name = f"{reference.name}:{reference.version}" if reference.version else reference.name
    secure = reference.service == "ssm-secure"
    try:
        reply = await ctx.operation("ssm", "GetParameters", Names=[name], WithDecryption=secure)
    except AwsError as error:
        raise _failed("AWSSimpleSystemsManagement", error, ctx) from error
    found: list[Mapping[str, Any]] = reply.get("Parameters") or []
    if not found:
        raise Unresolved(f"Unable to fetch parameters [{name}] from parameter store for this account.")
    if (found[0]["Type"] == "SecureString") != secure:
        raise Unresolved(
            f"Parameters [{name}] referenced by template have types not supported by CloudFormation."
        )
    return str(found[0]["Value"])


async def _secret_value(reference: DynamicReference, ctx: ResourceContext) -> str:
    version = {"VersionStage": reference.stage, "VersionId": reference.version}
    chosen = {name: value for name, value in version.items() if value}
    try:
        reply = await ctx.operation("secretsmanager", "GetSecretValue", SecretId=reference.name, **chosen)
    except AwsError as error:
        raise _failed("AWSSecretsManager", error, ctx) from error
    text = reply.get("SecretString")
    if text is None:
        raise Unresolved("Secrets Manager secret has no SecretString value")
    return _member(str(text), reference.json_key) if reference.json_key else str(text)


def _member(text: str, key: str) -> str:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise Unresolved("Could not parse SecretString JSON")
    if key not in value:
        raise Unresolved("Could not find a value associated with JSONKey in SecretString")
    return value[key] if isinstance(value[key], str) else json.dumps(value[key])


def _failed(service: str, error: AwsError, ctx: ResourceContext) -> Unresolved:
    return Unresolved(
        f"{error.message} (Service: {service}; Status Code: {error.status}; Error Code: {error.code}; "
        f"Request ID: {ctx.call.request_id}; Proxy: null)"
    )
