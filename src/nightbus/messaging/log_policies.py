"""Keeps the resource policies of CloudWatch Logs compiled: those of an account and region as one policy.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
"""

from __future__ import annotations

from typing import Any

from nightbus.aws.calls import Scope
from nightbus.aws.documents import read_document
from nightbus.policies.decision import PolicyKind
from nightbus.policies.document import Policy
from nightbus.store.interface import Record, Store
from nightbus.store.record_cache import RecordCache

POLICY = "logs/resource-policy"
_MOST = 10_000


class LogPolicies:
    """The policies of all accounts and regions. Each may name any log group of its account and region."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._policies: RecordCache[Scope, Policy] = RecordCache(
            store, _MOST, [POLICY], lambda record: record.scope, self._load
        )

    async def find(self, scope: Scope) -> Policy | None:
        """Return the policy, without a statement where there is none."""
        return await self._policies.find(scope)

    async def _load(self, scope: Scope) -> Policy:
        records = await self._store.list(scope, POLICY)
        statements = [one for record in records for one in statements_in(record)]
        return Policy.of_statements(statements, PolicyKind.RESOURCE, "resource policies of CloudWatch Logs")

    def in_memory(self) -> dict[str, int]:
        return {"policies of log groups": len(self._policies)}


def statements_in(record: Record) -> list[dict[str, Any]]:
    """Return the statements of a stored policy."""
    statements = read_document(record.value["document"])["Statement"]
    return list(statements) if isinstance(statements, list) else [statements]
