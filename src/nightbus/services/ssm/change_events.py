"""Publishes what happens to parameters on the default bus, in the commit of the change.

https://docs.aws.amazon.com/systems-manager/latest/userguide/monitoring-systems-manager-event-examples.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.services.context import Platform
from nightbus.services.service_events import ServiceEvents
from nightbus.services.ssm.names import parameter_arn


class SsmEvents(ServiceEvents):
    """The events of a change of one or several parameters of a scope."""

    def __init__(self, platform: Platform, scope: Scope) -> None:
        super().__init__(platform, scope, "aws.ssm")
        self._place = scope

    def changed(self, operation: str, name: str, version: Mapping[str, Any]) -> None:
        """Add the event of a change. `operation` is Create, Update, Delete or LabelParameterVersion."""
        detail = {"name": name, "type": version["type"], "operation": operation}
        if version.get("description"):
            detail["description"] = version["description"]
        self.add("Parameter Store Change", parameter_arn(self._place, name), detail)

    def policy_acted(
        self, name: str, version: Mapping[str, Any], policy: Mapping[str, Any], reason: str
    ) -> None:
        """Add the event of a policy that was carried out."""
        detail = {
            "parameter-name": name,
            "parameter-type": version["type"],
            "policy-type": policy["type"],
            "policy-content": policy["text"],
            "action-status": "Success",
            "action-reason": reason,
        }
        self.add("Parameter Store Policy Action", parameter_arn(self._place, name), detail)
