"""Defines what the parts of a node ask of the audit trail, and the logs in which the trail and the refusals lie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from nightbus.aws.calls import Call, Scope
from nightbus.aws.errors import AwsError

TRAIL = "cloudtrail/events"  # of the call's account and region: one entry for each recorded call, CloudTrail's JSON

REFUSALS = "audit/refusals"  # why calls were refused, by request id; of all accounts
NEEDS = "audit/needs"  # what the sessions of roles asked for, by the role's ARN; of all accounts


class AuditTrail(Protocol):
    """Takes notes of calls, which are written in groups soon after: a call does not wait for its record."""

    data_events: bool  # whether all successful data calls are recorded too; refused ones always are

    async def records_data(self, scope: Scope, service: str) -> bool:
        """Return whether successful data calls of the service are recorded: all are, or a trail wants them."""
        ...

    def succeeded(
        self, service: str, operation: str, params: Mapping[str, Any], result: Mapping[str, Any], call: Call
    ) -> None: ...

    def failed(
        self, service: str, operation: str, params: Mapping[str, Any], error: AwsError, call: Call
    ) -> None: ...

    async def written(self) -> None:
        """Return when everything that was noted so far is in the store."""
        ...
