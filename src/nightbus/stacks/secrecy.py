"""Seals the secrets of stacks in the store with the node's vault, and masks them in events.

Secrets are the values of parameters with NoEcho, and the properties that contain secrets or the parameters of a nested
stack. The text of a template is not secret.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from nightbus.stacks.templates.parameters import MASK, is_secret
from nightbus.stacks.templates.template import Template
from nightbus.store.vault import Vault, VaultClosed

log = logging.getLogger(__name__)

MASKED_PROPERTIES = {
    "AWS::CloudFormation::Stack": "Parameters",
    "AWS::Events::Connection": "AuthParameters",
    "AWS::IAM::User": "LoginProfile",
    "AWS::SecretsManager::Secret": "SecretString",
}
# Attributes that are secret, by type: GetAtt has them, and no event shows an attribute.
SECRET_ATTRIBUTES = {"AWS::IAM::AccessKey": "SecretAccessKey"}
_SEALED = "Nightbus::Sealed"
# The members of a deployment's record with values of parameters, each with that of its sealed values.
_SEALED_MEMBERS = {"parameters": "sealed", "resolved": "sealed_resolved"}


def masked(type_name: str, properties: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the properties for events, with secrets masked."""
    if properties is None:
        return None
    name = MASKED_PROPERTIES.get(type_name, "")
    return {**properties, name: MASK} if name in properties else dict(properties)


def with_kept_secret(type_name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes after an update, with the secret of before: services show a secret only once."""
    name = SECRET_ATTRIBUTES.get(type_name, "")
    return {name: old[name], **new} if name in old else dict(new)


async def seal_resource(vault: Vault, value: dict[str, Any]) -> dict[str, Any]:
    """Seal the secrets of a resource's record. Changes `value` and returns it."""
    return await _each(value, lambda one: {_SEALED: vault.seal(json.dumps(one).encode())}, is_sealed=False)


async def open_resource(vault: Vault, value: dict[str, Any]) -> dict[str, Any]:
    """Unseal the secrets of a resource's record. A property that cannot be unsealed is left out, so that the next
    update sets it."""
    return await _each(value, lambda one: _opened(vault, one[_SEALED]), is_sealed=True)


async def _each(value: dict[str, Any], change: Callable[[Any], Any], is_sealed: bool) -> dict[str, Any]:
    for members, name in _secret_members(value):
        one = members.get(name)
        if one is None or (isinstance(one, dict) and _SEALED in one) != is_sealed:
            continue
        members[name] = await asyncio.to_thread(change, one)
        if members[name] is None:
            del members[name]
            if name == "properties":
                members[name] = {}
    return value


def _secret_members(value: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield each place of a secret: a dict, and the name of the member."""
    name = MASKED_PROPERTIES.get(value["type"], "")
    attribute = SECRET_ATTRIBUTES.get(value["type"], "")
    for incarnation in (value["current"], value["previous"], value["pending"], *value["garbage"]):
        if incarnation and incarnation.get("secret"):
            yield incarnation, "properties"
        elif incarnation and name:
            yield incarnation["properties"], name
        if incarnation and attribute:
            yield incarnation.get("attributes") or {}, attribute
        if incarnation and incarnation.get("no_echo"):
            yield incarnation, "attributes"


def parameter_secrets(processed: Mapping[str, Any], values: Mapping[str, str]) -> list[str]:
    """Return the values of the parameters with NoEcho that the template declares."""
    declared = Template(dict(processed)).parameters
    return [text for name, text in values.items() if text and is_secret(declared.get(name, {}))]


def mark_secret(value: dict[str, Any], secrets: Sequence[str]) -> dict[str, Any]:
    """Mark, in a resource's record, the properties to seal: those that have one of the secrets. Returns `value`."""
    for one in (value["current"], value["previous"], value["pending"], *value["garbage"]):
        if one and not one["secret"] and without_texts(one["properties"], secrets) != one["properties"]:
            one["secret"] = True
    return value


def secret_texts(attributes: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the texts to mask of the attributes of resources that answered with NoEcho, the longest first."""
    texts = {text for one in attributes for value in one.values() for text in _texts(value)}
    return sorted((text for text in texts if text), key=len, reverse=True)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, str):
        yield value


def without_texts(value: Any, secrets: Sequence[str]) -> Any:
    """Return the value with each of the `secrets` masked wherever it occurs in a text."""
    if isinstance(value, Mapping):
        return {key: without_texts(child, secrets) for key, child in value.items()}
    if isinstance(value, list):
        return [without_texts(child, secrets) for child in value]
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, MASK)
    return value


def _opened(vault: Vault, sealed: str) -> Any:
    try:
        return json.loads(vault.open(sealed))
    except VaultClosed as closed:
        log.error("a secret of a stack is lost: %s", closed)
        return None


async def seal_deployment(vault: Vault, value: dict[str, Any]) -> dict[str, Any]:
    """Seal the secrets of a deployment's record. Changes `value` and returns it."""
    declared = Template(value["processed"]).parameters
    for member, sealed in _SEALED_MEMBERS.items():
        texts = value.get(member) or {}
        secret = {name: text for name, text in texts.items() if is_secret(declared.get(name, {}))}
        if secret:
            value[sealed] = await asyncio.to_thread(vault.seal, json.dumps(secret).encode())
            value[member] = texts | dict.fromkeys(secret, "")
    return value


async def open_deployment(vault: Vault, value: dict[str, Any]) -> dict[str, Any]:
    """Unseal the secrets of a deployment's record. Parameters that cannot be unsealed are left out, so the next
    deployment must set them."""
    for member, name in _SEALED_MEMBERS.items():
        sealed = value.pop(name, None)
        if sealed:
            opened = await asyncio.to_thread(_opened, vault, sealed)
            declared = Template(value["processed"]).parameters
            plain = {
                parameter: text
                for parameter, text in value[member].items()
                if opened is not None or not is_secret(declared.get(parameter, {}))
            }
            value[member] = plain | (opened or {})
    return value
