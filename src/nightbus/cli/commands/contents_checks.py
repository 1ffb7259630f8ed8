"""Examines what a data folder or a cluster keeps: what waits, dead letters, and whether the key opens the secrets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from nightbus.aws.calls import Scope
from nightbus.cli.commands.contents import Contents
from nightbus.delivery.api_destinations.connections import CONNECTION
from nightbus.delivery.rule_origin import QUEUE as RULE_DELIVERIES
from nightbus.identity.access_keys import ACCESS_KEY
from nightbus.identity.secrets import VERSION as SECRET_VERSION
from nightbus.keys.records import MATERIAL
from nightbus.messaging.queue import KIND, Queue, queue_address
from nightbus.messaging.topic import SUBSCRIPTION, TOPIC
from nightbus.messaging.topics import DELIVERIES as SUBSCRIBER_DELIVERIES
from nightbus.services.cloudcontrol.requests import QUEUE as RESOURCE_REQUESTS
from nightbus.services.cloudformation.stack_sets.records import INSTANCE, STACK_SET
from nightbus.services.cloudformation.stack_sets.records import QUEUE as STACK_SET_OPERATIONS
from nightbus.services.lambda_.invocations.destination_jobs import QUEUE as DESTINATIONS
from nightbus.services.lambda_.invocations.queued import QUEUE as INVOCATIONS
from nightbus.services.lambda_.records import FUNCTION
from nightbus.services.lambda_.records import VERSION as FUNCTION_VERSION
from nightbus.services.logs.subscriptions.jobs import QUEUE as SUBSCRIBED_EVENTS
from nightbus.services.s3.notifications.jobs import QUEUE as BUCKET_NOTIFICATIONS
from nightbus.services.sns.push.records import APPLICATION
from nightbus.stacks.operation_queue import QUEUE as STACK_OPERATIONS
from nightbus.stacks.records import DEPLOYMENT
from nightbus.store.doctor import NOTE, OK, WRONG, Finding
from nightbus.store.interface import SYSTEM
from nightbus.store.vault import VaultClosed

WORK = {
    RULE_DELIVERIES: "deliveries to targets of rules",
    INVOCATIONS: "asynchronous invocations",
    DESTINATIONS: "records of invocations to their destinations",
    SUBSCRIBER_DELIVERIES: "notifications to subscribers",
    BUCKET_NOTIFICATIONS: "notifications of buckets",
    SUBSCRIBED_EVENTS: "log events for subscribed functions",
    STACK_OPERATIONS: "operations of stacks",
    STACK_SET_OPERATIONS: "operations of stack sets",
    RESOURCE_REQUESTS: "requests of the Cloud Control API",
}
_SEALED = {
    # By kind: where in the value the sealed text is, and what has it.
    CONNECTION: (("Sealed",), "connections"),  # as earlier releases kept them
    SECRET_VERSION: (("sealed",), "connections"),
    MATERIAL: (("Versions",), "keys"),
    DEPLOYMENT: (("sealed",), "deployments of stacks"),
    ACCESS_KEY: (("Secret",), "access keys"),
    FUNCTION: (("latest", "config", "Environment", "Sealed"), "functions"),
    FUNCTION_VERSION: (("config", "Environment", "Sealed"), "versions of functions"),
    SUBSCRIPTION: (("sealed",), "subscriptions"),
    APPLICATION: (("sealed",), "platform applications"),
    STACK_SET: (("parameters",), "stack sets"),
    INSTANCE: (("overrides",), "instances of stack sets"),
}
_MOST_NAMED = 5


def waiting(contents: Contents) -> Iterator[Finding]:
    for queue, work_name in WORK.items():
        due, later = contents.count_items(SYSTEM, queue)
        advice = "a node that runs works on them" if due and not contents.running else ""
        yield Finding(OK, f"{due} {work_name} wait, {later} are to be tried again later", advice)


def dead_letters(contents: Contents) -> Iterator[Finding]:
    """Yield the dead-letter queues that records name, with the numbers of their messages."""
    arns: set[str] = set()
    for kind in contents.kinds():
        if not kind.startswith("cloudformation/"):  # templates name future queues
            for _, value in contents.records(kind):
                arns.update(_dead_letter_arns(orjson.loads(value)))
    dead = 0
    for arn in sorted(arns):
        scope_and_name = queue_address(arn)
        record = scope_and_name and contents.get(scope_and_name[0], KIND, scope_and_name[1])
        if not scope_and_name or not record:
            advice = f"create queue {scope_and_name[1]}" if scope_and_name else "name an SQS queue"
            if not _is_topic(contents, arn):
                yield Finding(NOTE, f"{arn} is named as a dead-letter queue and does not exist", advice)
            continue
        queue = Queue.of(scope_and_name[0], record).queue
        count = sum(contents.count_items(scope_and_name[0], queue))
        dead += count
        if count:
            advice = (
                "those of rules and functions say why in their attributes; "
                f"those of a queue go back by aws sqs start-message-move-task --source-arn {arn}"
            )
            letters = "dead letter" if count == 1 else "dead letters"
            yield Finding(
                NOTE, f"{count} {letters} in queue {scope_and_name[1]} of {scope_and_name[0].region}", advice
            )
    if not dead:
        yield Finding(OK, "no dead letters")


def _is_topic(contents: Contents, arn: str) -> bool:
    """Return whether the ARN is a topic's. A function's dead letters may go to a topic, which keeps none of them."""
    service, region, account, name = [*arn.split(":", 5), "", "", "", ""][2:6]
    return service == "sns" and contents.get(Scope(account, region), TOPIC, name) is not None


def secrets(contents: Contents) -> Iterator[Finding]:
    """Yield whether the key of the folder or of the cluster unseals the secrets."""
    vault = contents.vault
    if vault is None:
        return
    for kind, (path, noun) in _SEALED.items():
        readable, closed, reason = 0, list[str](), ""
        for name, value in contents.records(kind):
            sealed = orjson.loads(value)
            for member in path:
                sealed = (sealed or {}).get(member)
            try:
                opened = [vault.open(one) for one in _sealed_texts(sealed)]
                readable += bool(opened)
            except VaultClosed as why:
                closed.append(_owner(name))
                reason = str(why)
        if closed:
            advice = "put the key file of a backup back, or give them their secrets again"
            text = f"the secrets of {len(closed)} {noun} are lost ({reason}): {_some(closed)}"
            yield Finding(WRONG, text, advice)
        elif readable:
            yield Finding(OK, f"{readable} {noun}, the key opens the secrets of each")


def _owner(key: str) -> str:
    """Return the name in the key `events!connection/NAME/…` of a secret; any other key is a name itself."""
    return key.split("/")[1] if key.startswith("events!connection/") else key


def _sealed_texts(member: Any) -> list[str]:
    """Return the sealed texts of a record's member: one, or those of the versions of a key's material."""
    if isinstance(member, list):
        return [one["Sealed"] for one in member]
    return [member] if member else []


def _some(names: list[str]) -> str:
    return ", ".join(sorted(names)[:_MOST_NAMED]) + (" …" if len(names) > _MOST_NAMED else "")


def _dead_letter_arns(value: Any) -> Iterator[str]:
    """Yield the ARNs in DeadLetterConfig (rules, functions) and RedrivePolicy (queues, subscriptions) of a record."""
    if isinstance(value, list):
        for one in value:
            yield from _dead_letter_arns(one)
    if not isinstance(value, dict):
        return
    for name, inner in value.items():
        if name == "DeadLetterConfig" and isinstance(inner, dict):
            yield from (str(inner[key]) for key in ("Arn", "TargetArn") if inner.get(key))
        elif name == "RedrivePolicy" and isinstance(inner, str) and inner:
            yield from _dead_letter_arns({name: orjson.loads(inner)})
        elif name == "deadLetterTargetArn":
            yield str(inner)
        else:
            yield from _dead_letter_arns(inner)
