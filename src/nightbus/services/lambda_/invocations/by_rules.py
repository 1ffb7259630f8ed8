"""Queues the asynchronous invocations that rules ask for, each in the commit of the event itself.

What Invoke would look up (the function, its alias or version, and its policy) is kept until one of these records
changes, so that an event that goes to a function reads nothing from the store.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from nightbus.aws.calls import Caller, Scope
from nightbus.aws.errors import AwsError
from nightbus.services.lambda_.access.permissions import admits
from nightbus.services.lambda_.invocations.invoke import check_payload
from nightbus.services.lambda_.invocations.queued import QueuedInvocation, enqueue
from nightbus.services.lambda_.names import FunctionRef, function_ref, is_version
from nightbus.services.lambda_.records import (
    ALIAS,
    FUNCTION,
    POLICY,
    VERSION,
    qualified_key,
    resource_policy_of,
    version_of,
)
from nightbus.store.interface import Enqueue, Record, RecordName, RecordReader, Store
from nightbus.store.record_cache import RecordCache

_MOST_FUNCTIONS = 10_000
_MOST_CALLERS = 1_000  # of one function


@dataclass(frozen=True, slots=True)
class _Function:
    """`admitted`: by qualifier and caller whether the function's policy lets it invoke the function, as far as that was
    asked; a role is not asked about."""

    record: Record
    admitted: dict[tuple[str, str, str, str, str], bool] = field(default_factory=dict)


class RuleInvocations:
    """Implements `nightbus.delivery.interface.FunctionQueue`."""

    def __init__(self, store: Store, invocables: RecordReader) -> None:
        self._store = invocables
        self._functions = RecordCache(
            store, _MOST_FUNCTIONS, [FUNCTION, VERSION, ALIAS, POLICY], _function_of, self._load
        )

    async def enqueue(
        self, arn: str, caller: Caller, request_id: str, payload: bytes, time: int, trace: str, *, whole: bool
    ) -> Enqueue | None:
        _, _, _, region, account, *_ = arn.split(":")
        try:
            ref = function_ref(Scope(account, region), arn)
            if not await self._admits(ref, caller):
                return None
            payload = check_payload(payload, "Event", is_json=whole)
        except AwsError:
            return None
        return enqueue(QueuedInvocation.taken(ref, request_id, payload, time, trace))

    async def _admits(self, ref: FunctionRef, caller: Caller) -> bool:
        """Raises AwsError when there is no such function, version or alias."""
        function = await self._functions.find((ref.scope, ref.name))
        if function is None:
            return False
        key = (ref.qualifier, caller.arn, caller.service, caller.source_arn, caller.account)
        admitted = function.admitted.get(key)
        if admitted is None:
            await self._require(ref, function.record)
            admitted = bool(caller.arn) or admits(await resource_policy_of(self._store, ref), ref, caller)
            if len(function.admitted) < _MOST_CALLERS:
                function.admitted[key] = admitted
        return admitted

    async def _require(self, ref: FunctionRef, function: Record) -> None:
        qualifier = ref.version_or_alias
        if is_version(qualifier):
            await version_of(self._store, ref, function, qualifier)
        elif await self._store.get(ref.scope, ALIAS, qualified_key(ref.name, qualifier)) is None:
            raise AwsError("ResourceNotFoundException", f"Cannot find alias arn: {ref.qualified_arn}", 404)

    async def _load(self, place: tuple[Scope, str]) -> _Function | None:
        record = await self._store.get(place[0], FUNCTION, place[1])
        return None if record is None else _Function(record)

    def in_memory(self) -> dict[str, int]:
        return {"functions": len(self._functions)}


def _function_of(record: RecordName) -> tuple[Scope, str]:
    """A function's own record has its name as key; those of its versions, aliases and policies begin with it."""
    return record.scope, record.key.partition(":")[0]
