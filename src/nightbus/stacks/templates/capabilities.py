"""Finds the capabilities that a caller must acknowledge for a template. Pure."""

from __future__ import annotations

from collections.abc import Collection

from nightbus.aws.errors import AwsError
from nightbus.stacks.templates.template import Template

IAM = "CAPABILITY_IAM"
NAMED_IAM = "CAPABILITY_NAMED_IAM"
AUTO_EXPAND = "CAPABILITY_AUTO_EXPAND"

# The types that require a capability, each with the property for a custom name.
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


def required_capabilities(template: Template) -> tuple[list[str], str]:
    """Return the capability that the template's IAM resources require, if any, and GetTemplateSummary's reason."""
    resources = [
        resource for resource in template.typed_resources().values() if resource["Type"] in _IAM_TYPES
    ]
    if not resources:
        return [], ""
    has_names = any(_is_named(resource["Type"], resource.get("Properties") or {}) for resource in resources)
    types = ", ".join(sorted({str(resource["Type"]) for resource in resources}))
    return [NAMED_IAM if has_names else IAM], f"The following resource(s) require capabilities: [{types}]"


def _is_named(kind: str, properties: object) -> bool:
    member = _IAM_TYPES[kind]
    return bool(member) and isinstance(properties, dict) and member in properties


def check_capabilities(template: Template, acknowledged: Collection[str]) -> None:
    """Raise AwsError InsufficientCapabilitiesException if a required capability is not acknowledged.

    CAPABILITY_NAMED_IAM includes CAPABILITY_IAM.
    """
    missing = [
        name
        for name in required_capabilities(template)[0]
        if name not in acknowledged and not (name == IAM and NAMED_IAM in acknowledged)
    ]
    if missing:
        raise insufficient(missing)


def insufficient(missing: Collection[str]) -> AwsError:
    return AwsError("InsufficientCapabilitiesException", f"Requires capabilities : [{', '.join(missing)}]")
