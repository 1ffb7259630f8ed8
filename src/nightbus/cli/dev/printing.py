"""Prints what happens while `nightbus dev` runs: events, log lines and its own news, a line each."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from nightbus.cli.dead_letters import dead_letter_text, service_and_name
from nightbus.cli.terminal import has_colours

_NAME_COLOURS = ("cyan", "magenta", "blue", "bright_cyan", "bright_magenta", "bright_blue")
_OUTCOME_COLOURS = {"delivered": "green", "failed": "red"}
_FRAME = re.compile(r"(START|END) RequestId: |INIT_START |EXTENSION\t|LOGS\t")
_EVENT = re.compile(r'\{"time":"[^"]*","type":"platform\.')
_NOTE = re.compile(r"INIT_START .*\t(?P<note>Nightbus: .*)")
_REPORT = re.compile(r"REPORT RequestId: (?P<id>\S+)\t")
_SHOWN_OF_REPORT = ("Duration", "Max Memory Used", "Init Duration", "Status", "Error Type")
_MEMBERS_OF_REPORT = (
    ("Duration", "durationMs", ".2f", "ms"),
    ("Max Memory Used", "maxMemoryUsedMB", "d", "MB"),
    ("Init Duration", "initDurationMs", ".2f", "ms"),
)
_ERROR = re.compile(
    r"\[ERROR\]|^Error: RequestId|Task timed out after|Error: Runtime exited|Traceback \(most recent call last\)"
)


class Printer:
    """Prints whole lines from several threads; `rich` colours them on a terminal, and only there."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._colours: dict[str, str] = {}
        self._console: Any = None
        if has_colours():
            from rich.console import Console

            self._console = Console(highlight=False, soft_wrap=True)

    def say(self, *parts: tuple[str, str] | str) -> None:
        """One line of parts; a part with a style is a pair."""
        with self._lock:
            if self._console is None:
                print("".join(part if isinstance(part, str) else part[0] for part in parts), flush=True)
                return
            from rich.text import Text

            self._console.print(Text.assemble(*parts))

    def news(self, text: str, style: str = "bold") -> None:
        """What the loop itself has done."""
        for line in text.splitlines():
            self.say((clock(now_ms()), "dim"), "  ", (line, style))

    def trouble(self, text: str) -> None:
        self.news(text, "red")

    def log(self, name: str, message: str, time: int) -> None:
        """One event of a function's log. What only frames an invocation is left out, REPORT is shortened."""
        message = _as_text(message)
        if _FRAME.match(message):
            return
        style = "red" if _ERROR.search(message) else ""
        report = _REPORT.match(message)
        if report:
            message, style = _short_report(message), "red" if "Status:" in message else "dim"
        colour = self._colours.setdefault(name, _NAME_COLOURS[len(self._colours) % len(_NAME_COLOURS)])
        for line in message.rstrip().splitlines():
            self.say((clock(time), "dim"), "  ", (name, colour), "  ", (line, style))

    def event(self, line: Mapping[str, Any], deliveries: Sequence[Mapping[str, Any]]) -> None:
        """One event: its bus, source and detail-type, the rules, and what has come of it so far."""
        event = line["event"]
        parts: list[tuple[str, str] | str] = [
            (clock(line["time"]), "dim"), "  ", (line["bus"], "bold"), f"  {event['source']}  {event['detail-type']}  "
        ]  # fmt: skip
        if not line["rules"]:
            parts.append(("matches no rule", "yellow"))
        for number, rule in enumerate(line["rules"]):
            parts.append(f"{', ' if number else ''}→ {rule}")
            mine = [one for one in deliveries if one["rule"] == rule]
            for delivery in mine:
                parts += [" → ", *_outcome(delivery)]
        self.say(*parts)

    def delivery(self, line: Mapping[str, Any]) -> None:
        """An outcome that came after its event was printed."""
        delivery = line["delivery"]
        attempt = f" (attempt {delivery['attempt']})" if delivery["attempt"] > 1 else ""
        where = f"  {line['event_id']}  {delivery['rule']} → "
        time = (clock(delivery["time"]), "dim")
        self.say(time, "  ", (line["bus"], "bold"), where, *_outcome(delivery), attempt)


def _outcome(delivery: Mapping[str, Any]) -> list[tuple[str, str] | str]:
    outcome = str(delivery["outcome"])
    error = f": {delivery['code']} {delivery['message']}" if delivery.get("code") else ""
    arn = str(delivery.get("arn") or "")
    target = service_and_name(arn) if arn.count(":") >= 5 else str(delivery["target"])
    coloured = (outcome, _OUTCOME_COLOURS.get(outcome, "yellow"))
    return [f"{target} ", coloured, error, dead_letter_text(dict(delivery))]


def _as_text(message: str) -> str:
    """The line of a text log that says the same as an event of the platform, and of INIT_START what the node notes."""
    noted = _NOTE.match(message)
    if noted:
        return noted["note"]
    if not _EVENT.match(message):
        return message
    event = json.loads(message)
    kind, record = event["type"].removeprefix("platform."), event["record"]
    if kind == "fault":
        return f"Error: {record}"
    if kind != "report":
        return "START RequestId: "  # any frame
    metrics = record.get("metrics", {})
    parts = [f"REPORT RequestId: {record.get('requestId')}"]
    parts += [
        f"{name}: {metrics[member]:{form}} {unit}"
        for name, member, form, unit in _MEMBERS_OF_REPORT
        if member in metrics
    ]
    if record.get("status", "success") != "success":
        parts.append(f"Status: {record['status']}")
    if record.get("errorType"):
        parts.append(f"Error Type: {record['errorType']}")
    return "\t".join(parts)


def _short_report(message: str) -> str:
    fields = dict(part.split(": ", 1) for part in message.strip().split("\t") if ": " in part)
    return "  ".join(f"{name}: {fields[name]}" for name in _SHOWN_OF_REPORT if name in fields)


def now_ms() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)


def clock(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000).strftime("%H:%M:%S.%f")[:-3]
