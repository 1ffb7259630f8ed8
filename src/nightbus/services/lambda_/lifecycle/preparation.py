"""Makes ready what the environments of new and changed functions need, and stores how that ended.

The worker follows the functions' records. A function that is Pending, or whose update is InProgress, is prepared: its
runtime is found, or installed, and its code and layers are unpacked. So a function that was being created when the node
stopped is prepared after the next start. Several nodes prepare a function each, for themselves; the first one that is
ready stores the state.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.services.context import Platform
from nightbus.services.lambda_.invocations.running import spec_of
from nightbus.services.lambda_.lifecycle.progress import is_being_prepared
from nightbus.services.lambda_.lifecycle.record_worker import RecordWorker
from nightbus.services.lambda_.lifecycle.states import Config, failed, has_snapshot, is_in_progress, prepared
from nightbus.services.lambda_.names import LATEST, FunctionRef
from nightbus.services.lambda_.records import (
    FUNCTION,
    VERSION,
    Version,
    as_version,
    blob_owner,
    blobs_held,
    change_of_blobs,
    qualified_key,
)
from nightbus.store.conflicts import retries_on_conflict
from nightbus.store.interface import Change, PutRecord

log = logging.getLogger("nightbus.lambda")

_AT_ONCE = 4
_CODES = {
    # of an error: the StateReasonCode
    "InvalidRuntimeException": "InvalidRuntime",
    "InvalidZipFileException": "InvalidZipFileException",
    "InvalidParameterValueException": "InvalidZipFileException",
}


async def prepare_functions(platform: Platform) -> None:
    """The worker, until it is cancelled."""
    await RecordWorker(platform, FUNCTION, _AT_ONCE, is_being_prepared, prepare).run()


async def prepare(platform: Platform, scope: Scope, name: str) -> None:
    """Prepare the function, unless it is ready or gone, and store how that ended."""
    record = await platform.store.get(scope, FUNCTION, name)
    if record is None or not is_in_progress(record.value["latest"]["config"]):
        return
    ref, latest = FunctionRef(scope, name), as_version(record.value["latest"])
    try:
        runtime_version = await platform.functions.prepare(await spec_of(platform, ref, latest))
    except AwsError as error:
        await _settle(
            platform, ref, latest, _failure(ref, _CODES.get(error.code, "InternalError"), error.message)
        )
    except Exception as error:
        log.exception("%s cannot be prepared", ref.arn)
        await _settle(platform, ref, latest, _failure(ref, "InternalError", str(error)))
    else:
        await _settle(platform, ref, latest, lambda config: prepared(config, runtime_version))


def _failure(ref: FunctionRef, code: str, reason: str) -> Callable[[Config], Config]:
    log.warning("%s is not ready to be invoked: %s", ref.arn, reason)
    return lambda config: failed(config, code, reason)


@retries_on_conflict
async def _settle(
    platform: Platform, ref: FunctionRef, latest: Version, settled: Callable[[Config], Config]
) -> None:
    """Store the state of the function, and of the version that was published with it."""
    store = platform.store
    record = await store.get(ref.scope, FUNCTION, ref.name)
    if record is None or record.value["latest"]["config"]["RevisionId"] != latest["config"]["RevisionId"]:
        return
    value = record.value
    if not is_in_progress(value["latest"]["config"]):
        return
    held = blobs_held(value)
    value["latest"]["config"] = settled(value["latest"]["config"])
    if value["latest"]["config"].get("LastUpdateStatus") == "Successful":
        value.pop("previous", None)
    changes: list[Change] = [
        PutRecord(ref.scope, FUNCTION, ref.name, value, expect=record.revision),
        *change_of_blobs(blob_owner(ref, LATEST), held, blobs_held(value)),
    ]
    number = qualified_key(ref.name, str(value["last_version"]))
    published = await store.get(ref.scope, VERSION, number)
    waits = published is not None and is_in_progress(published.value["config"])
    if published is not None and waits and not has_snapshot(published.value["config"]):
        published.value["config"] = settled(published.value["config"])
        changes.append(PutRecord(ref.scope, VERSION, number, published.value, expect=published.revision))
    await store.commit(*changes)
