"""Prints the outbox: the text messages, push notifications and mails that SNS would have sent to people's devices."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from nightbus.cli.client import post_json
from nightbus.cli.commands.tail import seconds_of
from nightbus.cli.environment import chosen_account, chosen_region
from nightbus.cli.errors import CommandFailed
from nightbus.cli.operator_request import get_as_operator, operator_headers
from nightbus.cli.terminal import RED, coloured, without_controls
from nightbus.node.settings import Settings

_AGAIN_SECONDS = 0.5
_LONGEST = 100


def list_outbox(
    settings: Settings, filters: Mapping[str, str | None], region: str | None, as_json: bool
) -> None:
    """Print the newest messages, a line each, and how many are kept. `filters`: `kind`, `to`, `since`, `limit`."""
    reply = get_as_operator(settings, "outbox", _query(filters, region))
    if as_json:
        print(json.dumps(reply, indent=2))
        return
    for message in reply["messages"]:
        print(_line(message))
    numbers = (
        f"{sum(counts.values())} {kind}"
        + (f" ({counts['failed']} not delivered)" if counts["failed"] else "")
        for kind, counts in reply["counts"].items()
    )
    print(f"kept: {', '.join(numbers)}")


def show_message(settings: Settings, message_id: str, region: str | None, as_json: bool) -> None:
    """Print the whole of a message. Raises CommandFailed where there is none."""
    messages = get_as_operator(settings, "outbox", _query({"id": message_id}, region))["messages"]
    if not messages:
        raise CommandFailed(f"there is no message {message_id} in the outbox")
    for message in messages:
        print(json.dumps(message, indent=2) if as_json else _whole(message))


def follow_outbox(
    settings: Settings, filters: Mapping[str, str | None], region: str | None, as_json: bool
) -> None:
    """Print messages as they come, until Ctrl-C."""
    query = _query({"limit": "1", **filters}, region)
    newest = get_as_operator(settings, "outbox", query)["messages"]
    query |= {"after": str(newest[-1]["position"] if newest else 1), "limit": "100"}
    try:
        while True:
            for message in get_as_operator(settings, "outbox", query)["messages"]:
                query["after"] = str(message["position"])
                print(json.dumps(message) if as_json else _line(message), flush=True)
            time.sleep(_AGAIN_SECONDS)
    except KeyboardInterrupt:
        pass


def answer_stop(settings: Settings, number: str, region: str | None) -> None:
    """Opt a phone number out, as its owner does by answering STOP."""
    body = {"from": number, "text": "STOP", "account": chosen_account(), "region": chosen_region(region)}
    post_json(settings, "outbox", body, operator_headers(settings))
    print(f"{number} is opted out")


def _query(filters: Mapping[str, str | None], region: str | None) -> dict[str, str]:
    query = {name: value for name, value in filters.items() if value}
    if "since" in query:
        query["since"] = str(int((time.time() - seconds_of(query["since"])) * 1000))
    return {"account": chosen_account(), "region": chosen_region(region), **query}


def _line(message: Mapping[str, Any]) -> str:
    text = without_controls(" ".join((message["subject"] or message["text"]).split()))
    shown = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    failure = (
        coloured(f"  not delivered: {without_controls(message['failure'])}", RED)
        if message["failure"]
        else ""
    )
    to = without_controls(message["to"])
    return f"{_clock(message['time'])}  {message['kind']:<5}  {to}  {message['id']}  {shown}{failure}"


def _whole(message: Mapping[str, Any]) -> str:
    lines = [
        f"id       {message['id']}",
        f"kind     {message['kind']}",
        f"to       {message['to']}",
        f"time     {_clock(message['time'])}",
    ]
    lines += [f"{name:<8} {message[name]}" for name in ("topic", "subject", "failure") if message[name]]
    lines += [f"{name:<8} {value}" for name, value in message["details"].items()]
    heads = [without_controls(line) for line in lines]
    return "\n".join([*heads, "", without_controls(message["text"].replace("\r\n", "\n"), keep="\n\t")])


def _clock(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M:%S}"
