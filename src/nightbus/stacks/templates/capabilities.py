"""Finds the capabilities that a caller must have acknowledged before a template may run. Pure."""

from __future__ import annotations

from collections.abc import Collection

from nightbus.aws.errors import AwsError
from nightbus.stacks.templates.template import Template

IAM = "CAPABILITY_IAM"
NAMED_IAM = "CAPABILITY_NAMED_IAM"
AUTO_EXPAND = "CAPABILITY_AUTO_EXPAND"

# A type that asks for a capability, and the property that gives it a name of its own.
_IAM_TYPES: dict[str, str] = {
    "AWS::IAM::AccessKey": "",
    "AWS::IAM::Group": "GroupName",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Policy": "",
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
    "AWS::IAM::UserToGroupAddition": "",
}


def needed(template: Template) -> tuple[list[str], str]:
    """The capability of the template's IAM resources, if any, and the reason as GetTemplateSummary gives it."""
    found = [resource for resource in template.resources.values() if resource["Type"] in _IAM_TYPES]
    if not found:
        return [], ""
    named = any(_is_named(resource["Type"], resource.get("Properties") or {}) for resource in found)
    types = ", ".join(sorted({str(resource["Type"]) for resource in found}))
    return [NAMED_IAM if named else IAM], f"The following resource(s) require capabilities: [{types}]"


def _is_named(kind: str, properties: object) -> bool:
    member = _IAM_TYPES[kind]
    return bool(member) and isinstance(properties, dict) and member in properties


def check(template: Template, acknowledged: Collection[str]) -> None:
    """Raises AwsError InsufficientCapabilitiesException. CAPABILITY_NAMED_IAM includes CAPABILITY_IAM."""
    missing = [
        name
        for name in needed(template)[0]
        if name not in acknowledged and not (name == IAM and NAMED_IAM in acknowledged)
    ]
    if missing:
        raise insufficient(missing)


def insufficient(missing: Collection[str]) -> AwsError:
    return AwsError("InsufficientCapabilitiesException", f"Requires capabilities : [{', '.join(missing)}]")
