"""Follows the events and the functions' logs of the node, and prints them as they happen."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Mapping
from typing import Any

from nightbus.bounded import Bounded
from nightbus.cli.commands.tail import following
from nightbus.cli.dev.printing import Printer, now_ms
from nightbus.cli.environment import chosen_account, chosen_region
from nightbus.cli.errors import CommandFailed
from nightbus.node.settings import Settings

_TOGETHER_SECONDS = 0.05  # within which the outcomes in an event's own commit follow the event
_REMEMBERED = 2_000


class Tail:
    """Prints in a thread until the process ends. `follow` says which log groups are wanted."""

    def __init__(self, settings: Settings, region: str | None, printer: Printer) -> None:
        self._settings = settings
        self._query = {"account": chosen_account(), "region": chosen_region(region)}
        self._printer = printer
        self._names: dict[str, str] = {}
        self._since = now_ms()
        self._current = 0
        self._lines: queue.Queue[dict[str, Any]] = queue.Queue()
        self._seen: Bounded[str, bool] = Bounded(_REMEMBERED)
        threading.Thread(target=self._print, daemon=True).start()

    def follow(self, names: Mapping[str, str]) -> None:
        """`names` maps log groups to what is printed before their lines."""
        if names == self._names and self._current:
            return
        self._names = dict(names)
        self._current += 1
        query = {**self._query, "since": str(self._since), "log_groups": ",".join(sorted(names))}
        threading.Thread(target=self._read, args=(query, self._current), daemon=True).start()

    def _read(self, query: dict[str, str], number: int) -> None:
        try:
            for line in following(self._settings, query):
                if number != self._current:
                    return
                self._lines.put(line)
        except CommandFailed as failure:
            self._printer.trouble(str(failure))

    def _print(self) -> None:
        held: dict[str, Any] | None = None
        deliveries: list[Mapping[str, Any]] = []
        while True:
            try:
                line = self._lines.get(timeout=_TOGETHER_SECONDS if held else None)
            except queue.Empty:
                line = {}
            key = json.dumps(line, sort_keys=True)
            if line and key in self._seen:
                continue
            if line:
                self._seen[key] = True
            if held is not None and line.get("event_id") == held["event"]["id"]:
                deliveries.append(line["delivery"])
                continue
            if held is not None:
                self._printer.event(held, deliveries)
                held, deliveries = None, []
            if not line:
                continue
            if "event" in line:
                held = line
            elif "delivery" in line:
                self._printer.delivery(line)
            else:
                entry = line["log"]
                self._since = max(self._since, line["time"])
                self._printer.log(
                    self._names.get(entry["group"], entry["group"]), entry["message"], line["time"]
                )
