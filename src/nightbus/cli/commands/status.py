"""Prints what a node runs and holds: counts, and as many names as fit the terminal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from nightbus.cli.client import ask
from nightbus.cli.terminal import width
from nightbus.node.settings import Settings

_GLOBAL = "all accounts and regions"  # the names of buckets
_MOST_PLACES = 8
_MOST_NAMES = 8
_UNBOUNDED = 1_000_000


def show_status(settings: Settings, as_json: bool) -> None:
    status = ask(settings, "status")
    print(json.dumps(status, indent=2) if as_json else status_text(status, width() or _UNBOUNDED))


def status_text(status: dict[str, Any], columns: int) -> str:
    """The answer of `/_nightbus/status` as text; a line names what has room in `columns`, and at least one."""
    up = _duration(int(status["uptime_seconds"]))
    lines = [
        f"Nightbus {status['version']} at {status['endpoint']}, process {status['pid']}, up {up}",
        f"  data      {status['data'] or 'in memory, gone when the node stops'}",
        f"  services  {', '.join(status['services'])}",
    ]
    places: dict[str, list[dict[str, Any]]] = {}
    for held in status["holds"]:
        where = " ".join(part for part in (held["account"], held["region"]) if part) or _GLOBAL
        places.setdefault(where, []).append(held)
    fullest = sorted(places, key=lambda where: (-sum(held["count"] for held in places[where]), where))
    for where in fullest[:_MOST_PLACES]:
        lines.append(f"  {where}")
        lines += (_held_line(held, columns) for held in places[where])
    if len(fullest) > _MOST_PLACES:
        lines.append(f"  and {len(fullest) - _MOST_PLACES} more accounts and regions (--json shows them)")
    return "\n".join(lines)


def _held_line(held: dict[str, Any], columns: int) -> str:
    begin = f"    {held['what']:<11} {held['count']:>6}  "
    return begin + _names(held["names"], held["count"], columns - len(begin))


def _names(names: Sequence[str], count: int, room: int) -> str:
    for shown in range(min(len(names), _MOST_NAMES), 0, -1):
        more = f" and {count - shown} more" if count > shown else ""
        text = ", ".join(names[:shown]) + more
        if len(text) <= room or shown == 1:
            return text
    return ""


def _duration(seconds: int) -> str:
    hours, rest = divmod(seconds, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {left} s" if minutes else f"{left} s"
