"""Reads dynamic references: texts like `{{resolve:ssm:/shop/url:3}}` in the properties of resources. Pure.

A stack keeps the reference, never its value. `stacks/reference_values.py` reads the values when a resource is created
or updated, so an update notices a changed reference, and not a changed value, as on AWS.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.stacks.templates.expressions import UNKNOWN

START = "{{resolve:"
MOST = 60  # references of a template
_REFERENCE = re.compile(r"\{\{resolve:(ssm|ssm-secure|secretsmanager):([^{}]*)\}\}")
_PARAMETER = re.compile(r"([a-zA-Z0-9_.\-/]+)(?::([0-9]{1,10}))?")
_ARN_PARTS = 7  # arn:aws:secretsmanager:region:account:secret:name
# The properties that may have an ssm-secure reference.
_SECURE_PLACES = frozenset(
    {
        "AWS::DirectoryService::MicrosoftAD/Properties/Password",
        "AWS::DirectoryService::SimpleAD/Properties/Password",
        "AWS::ElastiCache::ReplicationGroup/Properties/AuthToken",
        "AWS::IAM::User/Properties/LoginProfile",
        "AWS::KinesisFirehose::DeliveryStream/Properties/RedshiftDestinationConfiguration",
        "AWS::OpsWorks::App/Properties/AppSource",
        "AWS::OpsWorks::Stack/Properties/CustomCookbooksSource",
        "AWS::OpsWorks::Stack/Properties/RdsDbInstances",
        "AWS::RDS::DBCluster/Properties/MasterUserPassword",
        "AWS::RDS::DBInstance/Properties/MasterUserPassword",
        "AWS::Redshift::Cluster/Properties/MasterUserPassword",
    }
)


class Unresolved(AwsError):
    """A reference that cannot be resolved. Its message is the whole reason of the resource's failure."""

    def __init__(self, message: str) -> None:
        super().__init__("ValidationError", message)


@dataclass(frozen=True)
class DynamicReference:
    """A reference. `name` is the parameter's name or the secret's id, `selector` what follows it."""

    text: str
    service: str
    name: str
    version: str = ""
    json_key: str = ""
    stage: str = ""

    @property
    def is_secret(self) -> bool:
        return self.service != "ssm"


def references_in(value: Any) -> Iterator[DynamicReference]:
    """Yield the references of a value, at any depth. Raises Unresolved for a malformed one."""
    if isinstance(value, str):
        if START in value:
            for match in _REFERENCE.finditer(value):
                yield _read(match)
    elif isinstance(value, Mapping):
        for child in value.values():
            yield from references_in(child)
    elif isinstance(value, list):
        for child in value:
            yield from references_in(child)


def _read(match: re.Match[str]) -> DynamicReference:
    text, service, rest = match[0], match[1], match[2]
    if service == "secretsmanager":
        return _read_secret(text, rest)
    parameter = _PARAMETER.fullmatch(rest)
    if parameter is None:
        kind = "SSM" if service == "ssm" else "SSM Secure"
        raise Unresolved(f"Incorrect format is used in the following {kind} reference: [{text}]")
    return DynamicReference(text, service, parameter[1], parameter[2] or "")


def _read_secret(text: str, rest: str) -> DynamicReference:
    parts = rest.split(":")
    count = _ARN_PARTS if parts[0] == "arn" else 1
    name, following = ":".join(parts[:count]), parts[count:]
    wrong = len(parts) < count or not name or len(following) > 4
    if wrong or (following and following[0] not in ("", "SecretString")):
        raise Unresolved(f"Incorrect format is used in the following Secrets Manager reference: [{text}]")
    _, key, stage, version = [*following, "", "", "", ""][:4]
    return DynamicReference(text, "secretsmanager", name, version, key, stage)


def check_count(resources: Mapping[str, Any]) -> None:
    """Raise AwsError ValidationError for resources with more references than a template may have."""
    count = sum(1 for one in resources.values() for _ in _REFERENCE.finditer(_text(one.get("Properties"))))
    if count > MOST:
        raise AwsError(
            "ValidationError",
            f"Template error: the template has {count} dynamic references, and the maximum allowed is {MOST}",
        )


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if has_reference(value) else ""


def check_references(type_name: str, properties: Mapping[str, Any]) -> None:
    """Raise AwsError ValidationError for a malformed reference, and for ssm-secure where AWS does not allow it."""
    places = [
        f"{type_name}/Properties/{name}"
        for name, value in properties.items()
        if any(one.service == "ssm-secure" for one in references_in(value))
    ]
    wrong = [place for place in places if place not in _SECURE_PLACES]
    if wrong:
        raise AwsError("ValidationError", f"SSM Secure reference is not supported in: [{','.join(wrong)}]")


def has_reference(value: Any) -> bool:
    """Return whether a value has the beginning of a reference, at any depth."""
    if isinstance(value, str):
        return START in value
    children = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return any(has_reference(child) for child in children)


def hidden(value: Any) -> Any:
    """Return the value with UNKNOWN for each text that has a reference."""
    if isinstance(value, str):
        return UNKNOWN if START in value and _REFERENCE.search(value) else value
    if isinstance(value, Mapping):
        return {name: hidden(child) for name, child in value.items()}
    return [hidden(child) for child in value] if isinstance(value, list) else value


def replaced(value: Any, value_of: Callable[[str], str]) -> Any:
    """Return the value with each reference replaced by `value_of` its text."""
    if isinstance(value, str):
        return _REFERENCE.sub(lambda match: value_of(match[0]), value) if START in value else value
    if isinstance(value, Mapping):
        return {name: replaced(child, value_of) for name, child in value.items()}
    return [replaced(child, value_of) for child in value] if isinstance(value, list) else value
