"""Keeps events to try functions and rules with, and sends them.

A function's are those of `sam remote test-event` and of Lambda's console: examples in a schema of the registry
`lambda-testevent-schemas`. A rule's lie beside them, as envelopes or entries of PutEvents.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from nightbus.aws.test_event_schemas import LARGEST_EVENT, MOST_VERSIONS, REGISTRY, SYNCHRONOUS, TYPE
from nightbus.bus.event_files import NoEvent, check_one, read_entries
from nightbus.cli.aws_clients import NodeClients
from nightbus.cli.client import is_running
from nightbus.cli.commands.explain import explanation_text
from nightbus.cli.environment import chosen_account
from nightbus.cli.errors import FAILED, WRONG_USAGE, CommandFailed, no_node_at
from nightbus.cli.event_owners import Owner, find_owner
from nightbus.cli.files import read_text
from nightbus.cli.operator_request import get_as_operator
from nightbus.cli.terminal import without_controls
from nightbus.node.settings import Settings

_WAIT_SECONDS = 5.0
_PAUSE_SECONDS = 0.1


class _Events:
    """The test events of one function or rule."""

    def __init__(self, settings: Settings, region: str | None, named: str, stack: str | None) -> None:
        if not is_running(settings):
            raise no_node_at(settings.endpoint)
        self.settings = settings
        self.clients = NodeClients(settings, region)
        self.owner: Owner = find_owner(self.clients, named, stack)
        self._schemas = self.clients.make("schemas")
        self._named = {"RegistryName": REGISTRY, "SchemaName": self.owner.schema}

    def document(self) -> dict[str, Any] | None:
        """The schema with the events; None where there are none."""
        try:
            found: dict[str, Any] = json.loads(self._schemas.describe_schema(**self._named)["Content"])
        except self._schemas.exceptions.NotFoundException:
            return None
        return found

    def all(self) -> dict[str, Any]:
        """Each event by its name, with its `value`."""
        document = self.document() or {}
        examples: dict[str, Any] = document.get("components", {}).get("examples", {})
        return examples

    def one(self, name: str) -> dict[str, Any]:
        """Raises CommandFailed."""
        event: dict[str, Any] | None = self.all().get(name)
        if event is None or "value" not in event:
            raise CommandFailed(f"{self.owner} has no test event {name}")
        return event

    def create(self, name: str, event: dict[str, Any], text: str) -> None:
        """The first event of its owner, of which the schema is derived."""
        with suppress(self._schemas.exceptions.ConflictException):
            self._schemas.create_registry(RegistryName=REGISTRY)
        derived = self._schemas.get_discovered_schema(Type=TYPE, Events=[text])["Content"]
        document = json.loads(derived)
        document["components"]["examples"] = {name: event}
        self._schemas.create_schema(**self._named, Type=TYPE, Content=json.dumps(document))

    def update(self, document: dict[str, Any]) -> None:
        versions = [
            version["SchemaVersion"]
            for page in self._schemas.get_paginator("list_schema_versions").paginate(**self._named)
            for version in page["SchemaVersions"]
        ]
        for version in sorted(versions, key=int)[: max(0, len(versions) - MOST_VERSIONS + 1)]:
            self._schemas.delete_schema_version(**self._named, SchemaVersion=version)
        self._schemas.update_schema(**self._named, Type=TYPE, Content=json.dumps(document))

    def forget(self) -> None:
        self._schemas.delete_schema(**self._named)


@contextmanager
def _failing_in_one_line() -> Iterator[None]:
    try:
        yield
    except (ClientError, BotoCoreError) as failure:
        raise CommandFailed(" ".join(str(failure).split())) from failure


@_failing_in_one_line()
def list_test_events(
    settings: Settings, region: str | None, named: str, stack: str | None, *, as_json: bool
) -> None:
    names = list(_Events(settings, region, named, stack).all())
    if as_json:
        print(json.dumps(names))
    elif names:
        print(without_controls("\n".join(names), keep="\n"))


@_failing_in_one_line()
def put_test_event(
    settings: Settings,
    region: str | None,
    named: str,
    stack: str | None,
    name: str,
    file: Path,
    *,
    replaces: bool,
) -> None:
    """Raises CommandFailed for an event of the same name, unless it `replaces` that."""
    text = read_text(file)
    events = _Events(settings, region, named, stack)
    event = {"value": _checked(text, file, events.owner)}
    if not events.owner.bus:
        event["x-metadata"] = SYNCHRONOUS
    document = events.document()
    if document is None:
        events.create(name, event, json.dumps(event["value"]))
    else:
        examples = document.setdefault("components", {}).setdefault("examples", {})
        if name in examples and not replaces:
            raise CommandFailed(f"{events.owner} has a test event {name} already: --force replaces it")
        if examples.get(name) != event:
            examples[name] = event
            events.update(document)
    print(f"{name} is kept for {events.owner}")


def _checked(text: str, file: Path, owner: Owner) -> Any:
    """The event. Raises CommandFailed where it is not JSON, or too large, or not one event that a bus takes."""
    if len(text.encode()) > LARGEST_EVENT:
        raise CommandFailed(f"{file} is larger than {LARGEST_EVENT} bytes", WRONG_USAGE)
    try:
        value = json.loads(text)
        if owner.bus:
            check_one(read_entries(text))
    except (ValueError, NoEvent) as broken:
        raise CommandFailed(f"{file}: {broken}", WRONG_USAGE) from None
    return value


@_failing_in_one_line()
def print_test_event(
    settings: Settings, region: str | None, named: str, stack: str | None, name: str
) -> None:
    print(json.dumps(_Events(settings, region, named, stack).one(name)["value"], indent=2))


@_failing_in_one_line()
def delete_test_event(
    settings: Settings, region: str | None, named: str, stack: str | None, name: str
) -> None:
    events = _Events(settings, region, named, stack)
    events.one(name)
    document = events.document() or {}
    del document["components"]["examples"][name]
    if document["components"]["examples"]:
        events.update(document)
    else:
        events.forget()
    print(f"{name} of {events.owner} is deleted")


@_failing_in_one_line()
def send_test_event(settings: Settings, region: str | None, named: str, stack: str | None, name: str) -> int:
    """To the function, or on the rule's bus.

    Returns the exit code: 1 where the function fails, the rule does not match, or its delivery fails.
    """
    events = _Events(settings, region, named, stack)
    event = events.one(name)
    if events.owner.bus:
        return _put(events, event["value"])
    return _invoke(events, event)


def _invoke(events: _Events, event: dict[str, Any]) -> int:
    kind = event.get("x-metadata", {}).get("invocationType", SYNCHRONOUS["invocationType"])
    tail = {"LogType": "Tail"} if kind == SYNCHRONOUS["invocationType"] else {}
    payload = json.dumps(event["value"])
    reply = events.clients.make("lambda").invoke(
        FunctionName=events.owner.name, InvocationType=kind, Payload=payload, **tail
    )
    if "LogResult" in reply:
        log = base64.b64decode(reply["LogResult"]).decode(errors="replace")
        print(without_controls(log.rstrip("\n"), keep="\n\t"))
    answer = reply["Payload"].read().decode(errors="replace")
    print(
        without_controls(
            answer or f"accepted (request {reply['ResponseMetadata']['RequestId']})", keep="\n\t"
        )
    )
    return FAILED if reply.get("FunctionError") else 0


def _put(events: _Events, value: Any) -> int:
    owner = events.owner
    (entry,) = read_entries(json.dumps(value))
    (result,) = events.clients.make("events").put_events(Entries=[{**entry, "EventBusName": owner.bus}])[
        "Entries"
    ]
    if "EventId" not in result:
        raise CommandFailed(f"the event is refused: {result['ErrorCode']}: {result['ErrorMessage']}")
    explained = _delivered(events, result["EventId"])
    print(explanation_text(explained))
    (rule,) = explained["rules"]
    failed = any(one["outcome"] != "delivered" for one in rule.get("deliveries", ()))
    return 0 if rule["matched"] and rule["deliveries"] and not failed else FAILED


def _delivered(events: _Events, event_id: str) -> dict[str, Any]:
    """The explanation of the rule, once something is delivered or some seconds have passed."""
    query = {
        "event": event_id,
        "rule": events.owner.name,
        "account": chosen_account(),
        "region": events.clients.region,
    }
    ends = time.monotonic() + _WAIT_SECONDS
    while True:
        explained = get_as_operator(events.settings, "explain", query)
        rule = explained["rules"][0] if explained["rules"] else None
        if rule is None:
            raise CommandFailed(f"event {event_id} was put, but {events.owner} is gone")
        if not rule["matched"] or rule["deliveries"] or time.monotonic() > ends:
            return explained
        time.sleep(_PAUSE_SECONDS)
