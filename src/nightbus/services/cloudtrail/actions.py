"""Maps each operation to its IAM action and resource, from the Service Authorization Reference."""

from __future__ import annotations

from collections.abc import Mapping

from nightbus.identity.needs import NeedsOf, needs

ACTIONS: Mapping[str, NeedsOf] = {
    "LookupEvents": needs("cloudtrail:LookupEvents"),
}
