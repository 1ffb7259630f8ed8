"""Refuses changes of service-linked roles, which only their services change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.errors import AwsError

_PATH = "/aws-service-role/"


def refuse_protected(value: Mapping[str, Any]) -> None:
    """Raise AwsError UnmodifiableEntity for the record of a service-linked role."""
    if value["Path"].startswith(_PATH) and "RoleName" in value:
        text = f"Cannot perform the operation on the protected role '{value['RoleName']}'"
        raise AwsError("UnmodifiableEntity", f"{text} - this role is only modifiable by AWS")
