"""Prints a line for each event and each delivery of the buses, as it happens."""

from __future__ import annotations

import http.client
import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from nightbus.cli.client import is_running, message_of, open_directly
from nightbus.cli.dead_letters import dead_letter_text
from nightbus.cli.environment import chosen_account, chosen_region
from nightbus.cli.errors import WRONG_USAGE, CommandFailed, no_node_at
from nightbus.cli.files import read_text
from nightbus.cli.operator_request import operator_headers
from nightbus.cli.terminal import GREEN, RED, YELLOW, coloured, without_controls
from nightbus.node.settings import Settings

_SILENCE_SECONDS = 30.0  # the node sends a line at least every ten
_AGAIN_SECONDS = 0.5
_REMEMBERED = 1_000
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_COLOURS = {"delivered": GREEN, "failed": RED}  # else yellow


def tail_events(
    settings: Settings,
    bus: str | None,
    pattern: str | None,
    since: str | None,
    region: str | None,
    as_json: bool,
) -> None:
    """Print until Ctrl-C. If the node stops, wait for it, and print what happened in between."""
    query = {"account": chosen_account(), "region": chosen_region(region)}
    if bus:
        query["bus"] = bus
    if pattern:
        query["pattern"] = read_text(Path(pattern[1:])) if pattern.startswith("@") else pattern
    if since:
        query["since"] = str(int(time.time() * 1000 - seconds_of(since) * 1000))
    if not is_running(settings):
        raise no_node_at(settings.endpoint)
    try:
        for line in following(settings, query):
            print(json.dumps(line) if as_json else _line_text(line), flush=True)
    except KeyboardInterrupt:
        pass


def seconds_of(text: str) -> float:
    """Return the seconds of `30s`, `10m`, `2h` or `1d`. Raises CommandFailed."""
    try:
        return float(text[:-1]) * _UNITS[text[-1:]]
    except (ValueError, KeyError):
        raise CommandFailed(
            f"--since: {text!r} is not a time; write 30s, 10m, 2h or 1d", WRONG_USAGE
        ) from None


def following(settings: Settings, query: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Yield the node's lines, across its restarts, each once."""
    printed: dict[str, None] = {}
    stop_reported = False
    while True:
        try:
            for line in _lines(settings, query):
                stop_reported = False
                key = json.dumps(line, sort_keys=True)
                if "beat" in line or key in printed:
                    continue
                printed[key] = None
                if len(printed) > _REMEMBERED:
                    del printed[next(iter(printed))]
                query["since"] = str(line.get("time") or line["delivery"]["time"])
                yield line
        except (OSError, http.client.HTTPException, ValueError):
            pass
        if not stop_reported:
            stop_reported = True
            print(f"nightbus: the node at {settings.endpoint} has stopped; waiting for it", file=sys.stderr)
        time.sleep(_AGAIN_SECONDS)


def _lines(settings: Settings, query: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Yield the lines of one connection. Raises CommandFailed with the node's error, OSError if no node answers."""
    url = f"{settings.command_endpoint}/_nightbus/events/tail?{urlencode(query)}"
    try:
        request = urllib.request.Request(url, headers=operator_headers(settings))  # noqa: S310 - our own node
        reply = open_directly(settings, request, _SILENCE_SECONDS)
    except urllib.error.HTTPError as error:
        raise CommandFailed(message_of(error), WRONG_USAGE) from error
    with reply:
        for line in reply:
            yield json.loads(line)


def _line_text(line: dict[str, Any]) -> str:
    if "event" in line:
        event = line["event"]
        rules = ", ".join(line["rules"])
        reached = f"→ {rules}" if rules else coloured("matches no rule", YELLOW)
        return (
            f"{_clock(line['time'])}  {line['bus']}  {without_controls(event['source'])}  "
            f"{without_controls(event['detail-type'])}  "
            f"{event['id']}  {reached}"
        )
    delivery = line["delivery"]
    outcome = coloured(delivery["outcome"], _COLOURS.get(delivery["outcome"], YELLOW))
    error = f": {delivery['code']} {without_controls(delivery['message'])}" if delivery.get("code") else ""
    return (
        f"{_clock(delivery['time'])}    {line['event_id']}  {delivery['rule']} → {delivery['target']}  "
        f"attempt {delivery['attempt']} {outcome}{error}{dead_letter_text(delivery)}"
    )


def _clock(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%H:%M:%S.%f")[:-3]
