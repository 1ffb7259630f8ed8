"""Makes the environments of new versions with SnapStart, and stores how that ended.

A version is Pending until one has been initialised, then Active; Failed where its code, or a hook for the time before
the snapshot, fails. The worker follows the versions' records, so that one that was Pending when the node stopped is
made after the next start.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.functions.outcomes import EnvironmentEnded
from nightbus.services.context import Platform
from nightbus.services.lambda_.invocations.running import spec_of
from nightbus.services.lambda_.lifecycle.record_worker import RecordWorker
from nightbus.services.lambda_.lifecycle.states import Config, failed, has_snapshot, is_in_progress, prepared
from nightbus.services.lambda_.names import FunctionRef
from nightbus.services.lambda_.records import VERSION, as_version
from nightbus.store.conflicts import retries_on_conflict
from nightbus.store.interface import PutRecord, RecordReader

log = logging.getLogger("nightbus.lambda")

_AT_ONCE = 2


async def make_snapshots(platform: Platform) -> None:
    """The worker, until it is cancelled."""
    await RecordWorker(platform, VERSION, _AT_ONCE, _is_pending, make_snapshot).run()


async def _is_pending(store: RecordReader, scope: Scope, key: str) -> bool:
    record = await store.get(scope, VERSION, key)
    return record is not None and _waits_for_snapshot(record.value["config"])


def _waits_for_snapshot(config: Config) -> bool:
    return has_snapshot(config) and is_in_progress(config)


async def make_snapshot(platform: Platform, scope: Scope, key: str) -> None:
    """Initialise an environment of the version, unless it has one or is gone, and store how that ended."""
    record = await platform.store.get(scope, VERSION, key)
    if record is None or not _waits_for_snapshot(record.value["config"]):
        return
    ref, version = FunctionRef(scope, key.partition(":")[0]), as_version(record.value)
    settle = partial(_settle, platform, scope, key, version["config"]["RevisionId"])
    try:
        spec = await spec_of(platform, ref, version)
        runtime_version = await platform.functions.prepare(spec)
        await platform.functions.snapshot(spec)
    except EnvironmentEnded as ended:
        reason = str(ended) or "The function's initialization failed."
        await settle(partial(failed, code="FunctionError", reason=reason))
    except AwsError as error:
        await settle(partial(failed, code="InternalError", reason=error.message))
    except Exception as error:
        log.exception("%s has no snapshot", key)
        await settle(partial(failed, code="InternalError", reason=str(error)))
    else:
        await settle(partial(prepared, runtime_version=runtime_version))


@retries_on_conflict
async def _settle(
    platform: Platform, scope: Scope, key: str, revision: str, settled: Callable[[Config], Config]
) -> None:
    """Store the state of the version; not of another one with its number, of a function that was made anew."""
    record = await platform.store.get(scope, VERSION, key)
    if record is None or record.value["config"]["RevisionId"] != revision:
        return
    if not is_in_progress(record.value["config"]):
        return
    record.value["config"] = settled(record.value["config"])
    await platform.store.commit(PutRecord(scope, VERSION, key, record.value, expect=record.revision))
