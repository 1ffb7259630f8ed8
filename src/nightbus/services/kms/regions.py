"""Says in which Regions of the node a key is. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.calls import Scope


def scopes_of(scope: Scope, value: Mapping[str, Any]) -> list[Scope]:
    """Return the scopes of a key and, of a multi-Region key, those of its primary and replicas; its own comes first."""
    regions = value.get("MultiRegion")
    if not regions:
        return [scope]
    others = [regions["Primary"], *regions["Replicas"]]
    return [scope, *(Scope(scope.account, one) for one in others if one != scope.region)]
