"""Says what poller an enabled event source mapping has: from its queue, under the function's role, to its function."""

from __future__ import annotations

from nightbus.aws.calls import Caller, Scope
from nightbus.delivery.polling.poller import MOST_AT_ONCE, Poller, PollerSettings
from nightbus.delivery.polling.pollers import Carrying, PolledKind, run_pollers
from nightbus.delivery.polling.queue_source import QueueSource
from nightbus.services.context import Platform
from nightbus.services.lambda_.invocations.role_session import role_session
from nightbus.services.lambda_.invocations.running import find_runnable
from nightbus.services.lambda_.names import FunctionRef, function_ref
from nightbus.services.lambda_.queue_sources.function_sink import FunctionSink
from nightbus.services.lambda_.queue_sources.settings import EVENT_SOURCE, patterns
from nightbus.store.interface import Record


async def poll_queues(platform: Platform) -> None:
    """The worker: every enabled mapping has a poller, on one node at a time, and a changed one gets a new poller."""

    def poller(scope: Scope, record: Record, carrying: Carrying) -> Poller | None:
        return poller_of(platform, scope, record, carrying) if record.value["enabled"] else None

    await run_pollers(platform.store, platform.clock, PolledKind(EVENT_SOURCE, _duty, poller))


def _duty(_scope: Scope, uuid: str) -> str:
    return f"event source mapping {uuid}"


def poller_of(platform: Platform, scope: Scope, record: Record, carrying: Carrying) -> Poller:
    """Of an enabled mapping. Raises ValueError for filters that cannot be read."""
    value, config = record.value, record.value["config"]
    ref, queue_arn = function_ref(scope, value["function"]), str(value["source"])

    async def role() -> Caller:
        return await _role(platform, ref)

    return Poller(
        platform.clock,
        QueueSource(platform.operations, scope, queue_arn, platform.endpoint, role),
        FunctionSink(
            platform,
            ref,
            queue_arn,
            reports_failures="ReportBatchItemFailures" in config.get("FunctionResponseTypes", ()),
        ),
        PollerSettings(
            batch_size=config["BatchSize"],
            window_ms=config["MaximumBatchingWindowInSeconds"] * 1000,
            patterns=patterns(config.get("FilterCriteria", {}).get("Filters", ())),
            most_at_once=config.get("ScalingConfig", {}).get("MaximumConcurrency", MOST_AT_ONCE),
        ),
        carrying,
    )


async def _role(platform: Platform, ref: FunctionRef) -> Caller:
    """The function's role as it is now. Raises AwsError when there is no such function."""
    runnable = await find_runnable(platform.invocables, ref)
    return role_session(runnable.version["config"]["Role"], ref.arn)
