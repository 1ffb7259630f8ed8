"""Checks a data folder, and prints a line for each finding, with advice."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import orjson

from nightbus.aws.calls import Scope
from nightbus.cli.commands.missing_roles import missing_roles
from nightbus.cli.terminal import GREEN, RED, YELLOW, coloured
from nightbus.clock import SystemClock
from nightbus.delivery.api_destinations.connections import CONNECTION
from nightbus.delivery.rule_origin import QUEUE as RULE_DELIVERIES
from nightbus.functions.zygote.isolation.report import examined, lost_network, missing_layers
from nightbus.identity.access_keys import ACCESS_KEY
from nightbus.identity.key_file import FILE_NAME
from nightbus.identity.secrets import VERSION as SECRET_VERSION
from nightbus.keys.records import MATERIAL
from nightbus.messaging.queue import KIND, Queue, queue_address
from nightbus.messaging.topic import SUBSCRIPTION, TOPIC
from nightbus.messaging.topics import DELIVERIES as SUBSCRIBER_DELIVERIES
from nightbus.node.settings import LOOPBACK, Settings
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
from nightbus.store.doctor import NOTE, OK, WRONG, Finding, Patient, examine
from nightbus.store.interface import SYSTEM
from nightbus.store.sqlite import reads
from nightbus.store.vault import Vault, VaultClosed

_WORK = {
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
_COLOURS = {OK: GREEN, NOTE: YELLOW, WRONG: RED}


def examine_folder(settings: Settings) -> int:
    """Print the findings. Returns the exit code: 1 if something is wrong."""
    if settings.store is not None:
        return _told(_of_cluster(settings))
    checks = (
        _waiting,
        _dead_letters,
        _secrets,
        partial(_callers, settings),
        partial(missing_roles, settings),
        partial(_isolation, settings),
    )
    return _told(examine(settings.data, checks))


def _of_cluster(settings: Settings) -> Iterator[Finding]:
    """Yield what is found of the database that nodes share, and of this machine."""
    from nightbus.store.postgres.doctor import examine_cluster

    async def found() -> list[Finding]:
        assert settings.store is not None
        return [finding async for finding in examine_cluster(settings.store.database)]

    yield from asyncio.run(found())
    yield from _isolation(settings)


def _told(findings: Iterator[Finding]) -> int:
    wrong = 0
    for finding in findings:
        wrong += finding.level == WRONG
        print(_line(finding), flush=True)
    print(
        "Nothing is wrong." if not wrong else f"{wrong} {'thing is' if wrong == 1 else 'things are'} wrong."
    )
    return 1 if wrong else 0


def _line(finding: Finding) -> str:
    level = coloured(f"{finding.level:5}", _COLOURS[finding.level])
    return f"{level}  {finding.text}" + (f"; {finding.advice}" if finding.advice else "")


def _waiting(patient: Patient) -> Iterator[Finding]:
    now = SystemClock().now_ms()
    for queue, work_name in _WORK.items():
        due, later = reads.count_items(patient.connection, SYSTEM, queue, now)
        advice = "a node that runs works on them" if due and not patient.running else ""
        yield Finding(OK, f"{due} {work_name} wait, {later} are to be tried again later", advice)


def _dead_letters(patient: Patient) -> Iterator[Finding]:
    """Yield the dead-letter queues that records name, with the numbers of their messages."""
    now = SystemClock().now_ms()
    arns: set[str] = set()
    query = "SELECT value FROM record WHERE kind NOT LIKE 'cloudformation/%'"  # templates name future queues
    for (value,) in patient.connection.execute(query):
        arns.update(_dead_letter_arns(orjson.loads(value)))
    dead = 0
    for arn in sorted(arns):
        scope_and_name = queue_address(arn)
        record = scope_and_name and reads.get(patient.connection, scope_and_name[0], KIND, scope_and_name[1])
        if not scope_and_name or not record:
            advice = f"create queue {scope_and_name[1]}" if scope_and_name else "name an SQS queue"
            if not _is_topic(patient, arn):
                yield Finding(NOTE, f"{arn} is named as a dead-letter queue and does not exist", advice)
            continue
        queue = Queue.of(scope_and_name[0], record).queue
        count = sum(reads.count_items(patient.connection, scope_and_name[0], queue, now))
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


def _is_topic(patient: Patient, arn: str) -> bool:
    """Return whether the ARN is a topic's. A function's dead letters may go to a topic, which keeps none of them."""
    service, region, account, name = [*arn.split(":", 5), "", "", "", ""][2:6]
    return service == "sns" and reads.get(patient.connection, Scope(account, region), TOPIC, name) is not None


def _secrets(patient: Patient) -> Iterator[Finding]:
    """Yield whether the key beside the database unseals the secrets."""
    vault = Vault(patient.folder)
    for kind, (path, noun) in _SEALED.items():
        readable, closed, reason = 0, list[str](), ""
        query = "SELECT key, value FROM record WHERE kind = ?"
        for name, value in patient.connection.execute(query, (kind,)):
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


def _callers(settings: Settings, patient: Patient) -> Iterator[Finding]:
    """Yield whom a node on the folder lets in."""
    file = patient.folder / FILE_NAME
    if settings.dev_credentials:
        advice = "turn it off where others use this machine"
        yield Finding(NOTE, "any access key is accepted, by the setting dev_credentials", advice)
    if not file.is_file():
        yield Finding(
            NOTE, f"{file} is missing", "a node writes the administrator's key there when it starts"
        )
    elif file.stat().st_mode & 0o077:
        yield Finding(WRONG, f"others can read the administrator's key in {file}", f"chmod 600 {file}")
    else:
        yield Finding(OK, f"the administrator's key is in {file}, for you alone")


def _isolation(settings: Settings, _: Patient | None = None) -> Iterator[Finding]:
    """Yield what keeps functions apart from the machine, tried out, and what is missing."""
    try:
        layers = examined(network=settings.functions_network == LOOPBACK)
    except (OSError, ValueError, subprocess.SubprocessError) as failure:
        yield Finding(NOTE, f"what protects this machine from functions could not be tried out: {failure}")
        return
    yield _network(settings, layers)
    missing = missing_layers(layers)
    for text in missing:
        yield Finding(NOTE, text, "allow user namespaces and seccomp; docs/security.md says what is lost")
    if not missing:
        landlock = f"version {layers['landlock']}" if layers["landlock"] else "not in this kernel"
        yield Finding(
            OK, f"functions have namespaces of their own and filtered system calls (landlock: {landlock})"
        )


def _network(settings: Settings, layers: Mapping[str, Any]) -> Finding:
    if settings.functions_network != LOOPBACK:
        return Finding(OK, "functions reach the network of this machine, by the setting functions_network")
    lost = lost_network(layers)
    if lost:
        return Finding(WRONG, lost, "allow user and network namespaces, or set functions_network to all")
    return Finding(OK, "functions reach the node and themselves, by the setting functions_network")


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
