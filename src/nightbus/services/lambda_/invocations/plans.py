"""Keeps what the queued invocations of a function have in common, as long as the function's records stand.

The records themselves are kept in memory (`Platform.invocables`), each as one object until it changes. So a plan that
was made of the very objects that are found now is up to date.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nightbus.bounded import Bounded
from nightbus.services.context import Platform
from nightbus.services.lambda_.invocations.queued import Policy
from nightbus.services.lambda_.invocations.running import Runnable, find_runnable
from nightbus.services.lambda_.invocations.useful_concurrency import FunctionLine
from nightbus.services.lambda_.lifecycle.states import is_settled
from nightbus.services.lambda_.names import FunctionRef
from nightbus.services.lambda_.records import EVENT_INVOKE, qualified_key
from nightbus.store.interface import Record

_MOST = 1_000


@dataclass(frozen=True, slots=True)
class Plan:
    """How an invocation of a reference is carried out. `settings` and `config` are what it was made of.

    `is_ready`: it may run at once, which `when_ready` need not be asked. `line` outlives changes of the records.
    """

    runnable: Runnable
    policy: Policy
    settings: Record | None
    config: dict[str, Any]
    is_ready: bool
    line: FunctionLine


class Plans:
    """At most `_MOST`, by reference; of an alias with weights the plan of the version that was chosen last."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._plans: Bounded[FunctionRef, Plan] = Bounded(_MOST)

    async def find(self, ref: FunctionRef) -> Plan:
        """Raises AwsError when there is no such function, version or alias."""
        key = qualified_key(ref.name, ref.version_or_alias)
        settings = await self._platform.invocables.get(ref.scope, EVENT_INVOKE, key)
        runnable = await find_runnable(self._platform.invocables, ref)
        config = runnable.version["config"]
        known = self._plans.get(ref)
        if known is not None and known.settings is settings and known.config is config:
            if known.runnable.function is runnable.function:
                return known
            plan = Plan(runnable, known.policy, settings, config, known.is_ready, known.line)
        else:
            policy = Policy.of(settings.value["config"] if settings else {})
            line = FunctionLine() if known is None else known.line
            plan = Plan(runnable, policy, settings, config, is_settled(config), line)
        self._plans[ref] = plan
        return plan
