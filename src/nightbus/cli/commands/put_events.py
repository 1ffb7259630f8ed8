"""Puts the events of a file on their buses, by PutEvents, or in the name of the AWS service that is their source."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nightbus.bus.event_files import NoEvent, read_entries
from nightbus.cli.client import is_running
from nightbus.cli.environment import chosen_account, chosen_region
from nightbus.cli.errors import WRONG_USAGE, CommandFailed, no_node_at
from nightbus.cli.files import read_text
from nightbus.cli.operator_request import post_as_operator
from nightbus.node.settings import Settings

_MOST_ENTRIES = 10  # entries of one PutEvents


def put_file_events(
    settings: Settings, file: Path, bus: str | None, region: str | None, as_service: bool, as_json: bool
) -> int:
    """Put the events. Returns the exit code: 1 if an event was refused. Raises CommandFailed."""
    try:
        entries = read_entries(read_text(file), bus)
    except NoEvent as reason:
        raise CommandFailed(f"{file}: {reason}", WRONG_USAGE) from None
    put, results = _put_as_service if as_service else _put, list[dict[str, str]]()
    for at in range(0, len(entries), _MOST_ENTRIES):
        results += put(settings, region, entries[at : at + _MOST_ENTRIES])
    if as_json:
        print(json.dumps(results, indent=2))
    else:
        for entry, result in zip(entries, results, strict=True):
            event_text = f"{entry.get('Source', '')}  {entry.get('DetailType', '')}"
            end = result.get("EventId") or f"refused: {result['ErrorCode']}: {result['ErrorMessage']}"
            print(f"{end}  {event_text}" if "EventId" in result else f"{event_text}  {end}")
    return 1 if any("ErrorCode" in result for result in results) else 0


def _put(settings: Settings, region: str | None, entries: Sequence[dict[str, Any]]) -> list[dict[str, str]]:
    from botocore.exceptions import BotoCoreError, ClientError

    from nightbus.cli.aws_clients import NodeClients

    if not is_running(settings):
        raise no_node_at(settings.endpoint)
    try:
        client = NodeClients(settings, region).make("events")
        results: list[dict[str, str]] = client.put_events(Entries=entries)["Entries"]
    except (ClientError, BotoCoreError) as failure:
        raise CommandFailed(
            " ".join(str(failure).split())
        ) from failure  # botocore's message has a line for each mistake
    return results


def _put_as_service(
    settings: Settings, region: str | None, entries: Sequence[dict[str, Any]]
) -> list[dict[str, str]]:
    """Put events whose source is an AWS service. The operator key from the node's data folder authorizes the call."""
    scope = {"account": chosen_account(), "region": chosen_region(region)}
    body = {**scope, "entries": entries}
    results: list[dict[str, str]] = post_as_operator(settings, "events/put", body)["Entries"]
    return results
