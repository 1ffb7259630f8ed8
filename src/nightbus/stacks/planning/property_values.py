"""Formats the values of properties in change sets, as DescribeChangeSet does with IncludePropertyValues.

A value that is known only once a resource exists has CloudFormation's placeholder. The values of parameters with NoEcho
are masked wherever they occur.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from nightbus.stacks.records import Deployment
from nightbus.stacks.secrecy import masked, parameter_secrets
from nightbus.stacks.templates.expressions import NO_VALUE, UNKNOWN
from nightbus.stacks.templates.parameters import MASK

_LATER = "{{changeSet:KNOWN_AFTER_APPLY}}"


class DisplayedValues:
    """Formats the values of one plan. The secrets of deployments `old` and `new`, and `further` texts, are masked."""

    def __init__(self, old: Deployment | None, new: Deployment, further: Iterable[str] = ()) -> None:
        secrets = {
            text
            for one in (old, new)
            if one is not None
            for text in parameter_secrets(one.processed, one.values)
        } | set(further)
        self._secrets = sorted(secrets, key=len, reverse=True)

    def context(self, type_name: str, properties: Mapping[str, Any]) -> str:
        """Return BeforeContext or AfterContext: a JSON text."""
        return json.dumps({"Properties": self.without_secrets(masked(type_name, properties))})

    def values(self, name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, str]:
        """Return the members of a change's target for the values of one property."""
        target = {"Path": f"/Properties/{name}"}
        if name in before:
            target["BeforeValue"] = self._text(before[name])
        if name in after:
            target["AfterValue"] = self._text(after[name])
        target["AttributeChangeType"] = (
            "Add" if name not in before else "Remove" if name not in after else "Modify"
        )
        return target

    def _text(self, value: Any) -> str:
        masked = self.without_secrets(value)
        return masked if isinstance(masked, str) else json.dumps(masked)

    def without_secrets(self, value: Any) -> Any:
        """Return the value for display: secrets masked, placeholders for what is not known yet."""
        if value is UNKNOWN:
            return _LATER
        if isinstance(value, Mapping):
            return {key: self.without_secrets(child) for key, child in value.items() if child is not NO_VALUE}
        if isinstance(value, list | tuple):
            return [self.without_secrets(child) for child in value if child is not NO_VALUE]
        if not isinstance(value, str):
            return value if isinstance(value, bool | int | float) or value is None else str(value)
        for secret in self._secrets:
            value = value.replace(secret, MASK)
        return value
