"""Rotates the secrets that are due: invokes their functions, one step after the other.

| item                  | what happens                                  | the item then                       |
|-----------------------|-----------------------------------------------|-------------------------------------|
| of another setting    | nothing                                       | is dropped                          |
| due, without version  | a version is made AWSPENDING                  | has the version, and is due at once |
| with a version        | the four steps are invoked                    | waits for the next rotation         |
| a step failed         | RotationFailed, if it was the last attempt    | is due after a pause, or as above   |

After a crash the steps begin anew with the same version: a rotation function must allow for that, as on AWS.
https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
"""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

import orjson

from nightbus.aws.calls import Call, Caller
from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_uuid
from nightbus.delivery.fair_worker import FairWorker, ItemName, Work
from nightbus.delivery.shares import Shares
from nightbus.identity.secrets import CURRENT, SECRET
from nightbus.services.context import Context, Platform
from nightbus.services.secretsmanager.records import Secret
from nightbus.services.secretsmanager.rotation import (
    PRINCIPAL,
    begin_version,
    following_due,
    pending_version,
)
from nightbus.services.secretsmanager.rotation_items import QUEUE, RotationItem
from nightbus.services.secretsmanager.secret_events import SecretEvents
from nightbus.services.secretsmanager.storing import save
from nightbus.store.conflicts import retries_on_conflict
from nightbus.store.interface import Conflict, Item

log = logging.getLogger("nightbus.secretsmanager")

STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
_AT_ONCE = 16
_AT_ONCE_OF_ONE = 2
_LEASE_MS = 60_000
_PAUSES_MS = (5_000, 30_000, 120_000)  # after the first failures; after the last one the rotation has failed
_HOUR_MS = 60 * 60 * 1000


async def rotate_due_secrets(platform: Platform) -> None:
    """Rotate the secrets that are due, as a worker. Each secret has its share, so a slow function delays no other."""
    worker = FairWorker(
        platform.store, platform.clock, _LEASE_MS, Shares[ItemName](_AT_ONCE, _AT_ONCE_OF_ONE)
    )
    worker.add(QUEUE, partial(_work_of, platform))
    await worker.run_until_cancelled()


def _work_of(platform: Platform, item: Item) -> Work:
    due = RotationItem.of(item)
    return Work("|".join((*due.scope, due.name)), partial(_rotate, platform, item, due))


async def _rotate(platform: Platform, item: Item, due: RotationItem, _late: bool) -> None:
    try:
        secret = await _find(platform, due)
        if secret is None:
            await platform.store.commit(item.acknowledge())
        elif secret.value["deleted"]:  # it may be restored
            await platform.store.commit(item.give_back(platform.clock.now_ms() + _HOUR_MS))
        elif not due.token:
            await _begin(platform, item, due, secret)
        else:
            await _carry_out(platform, item, due, secret)
    except Conflict:  # the secret was changed meanwhile
        await platform.store.change_lease(*item.queue, item.id, platform.clock.now_ms(), item.token)


async def _find(platform: Platform, due: RotationItem) -> Secret | None:
    """Return the secret if the item is still that of its rotation."""
    record = await platform.store.get(due.scope, SECRET, due.name)
    if record is None or record.value["id"] != due.secret:
        return None
    rotation = record.value["rotation"]
    return None if rotation is None or rotation["id"] != due.rotation else Secret(due.scope, record)


def _context(platform: Platform, due: RotationItem) -> Context:
    return Context(Call(due.scope, Caller.root(due.scope.account), platform.endpoint), platform)


async def _begin(platform: Platform, item: Item, due: RotationItem, secret: Secret) -> None:
    now = platform.clock.now_ms()
    token = pending_version(secret) or new_uuid()
    begin_version(secret, token, now)
    secret.value["rotation"]["running"] = token
    await save(_context(platform, due), secret, due._replace(token=token, attempt=0).again(item, now))


async def _carry_out(platform: Platform, item: Item, due: RotationItem, secret: Secret) -> None:
    if due.attempt == 0:
        events = SecretEvents(platform, secret)
        events.happened("RotationStarted")
        await events.commit()
    failure = await _invoke_steps(platform, due, secret)
    now = platform.clock.now_ms()
    if failure and due.attempt < len(_PAUSES_MS):
        log.warning("rotating %s failed and is tried again: %s", secret.arn, failure)
        again = due._replace(attempt=due.attempt + 1)
        await platform.store.commit(again.again(item, now + _PAUSES_MS[due.attempt]))
        return
    await _end(platform, item, due, failure)


async def _invoke_steps(platform: Platform, due: RotationItem, secret: Secret) -> str:
    """Invoke the function for each step. Return why one failed, "" if none did."""
    caller = Caller.for_service(due.scope.account, PRINCIPAL, secret.arn)
    for step in STEPS:
        event = {"Step": step, "SecretId": secret.arn, "ClientRequestToken": due.token}
        request: dict[str, Any] = {
            "FunctionName": secret.value["rotation"]["function"],
            "Payload": orjson.dumps({**event, "RotationToken": new_uuid()}),
        }
        try:
            call = Call(due.scope, caller, platform.endpoint)
            reply = await platform.operations.call("lambda", "Invoke", request, call)
        except AwsError as error:
            return f"{step}: {error}"
        if reply.get("FunctionError"):
            return f"{step}: the function ended with an error ({reply['FunctionError']})"
    changed = await platform.store.get(due.scope, SECRET, due.name)
    stages = changed.value["versions"].get(due.token, {}).get("stages", []) if changed else []
    return "" if CURRENT in stages else f"{STEPS[-1]}: the function did not make the new version {CURRENT}"


@retries_on_conflict
async def _end(platform: Platform, item: Item, due: RotationItem, failure: str) -> None:
    """Store the outcome, and let the item wait for the next rotation."""
    secret, now = await _find(platform, due), platform.clock.now_ms()
    if secret is None:
        await platform.store.commit(item.acknowledge())
        return
    rotation = secret.value["rotation"]
    events = SecretEvents(platform, secret)
    if failure:
        log.error("rotating %s failed: %s", secret.arn, failure)
        events.happened("RotationFailed")
    else:
        rotation["last"] = now
        events.happened("RotationSucceeded")
    rotation["running"] = ""
    following = rotation["next"] = following_due(rotation["rules"], rotation["last"] or now, now)
    settled = (
        item.acknowledge() if following is None else due._replace(token="", attempt=0).again(item, following)
    )
    await save(_context(platform, due), secret, settled, events=events)
