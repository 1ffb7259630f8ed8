"""Prints the state of a node: its settings, and the numbers and names of its resources, as far as they fit."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from nightbus.cli.operator_request import get_as_operator
from nightbus.cli.terminal import width
from nightbus.node.settings import Settings

_GLOBAL = "all accounts and regions"  # buckets have no scope
_MOST_PLACES = 8
_MOST_NAMES = 8
_UNBOUNDED = 1_000_000
_FILE_COLUMNS = 100
_LOAD = {
    "requests/s": "requests_per_second",
    "events/s": "events_per_second",
    "jobs": "jobs",
    "invocations": "invocations",
}


def show_status(settings: Settings, as_json: bool) -> None:
    status = get_as_operator(settings, "status")
    print(json.dumps(status, indent=2) if as_json else status_text(status, width() or _UNBOUNDED))


def status_text(status: dict[str, Any], columns: int) -> str:
    """Return the response of `/_nightbus/status` as text. A line has the names that fit `columns`, and at least one."""
    first = f"Nightbus {status['version']} at {status['endpoint']}"
    if "uptime_seconds" not in status:  # a node of somebody else
        return f"{first}\n  access    {_access(status)}"
    lines = [
        f"{first}, process {status['pid']}, up {_duration(int(status['uptime_seconds']))}",
        f"  data      {_data(status['data'], status.get('store'))}",
        f"  services  {', '.join(status['services'])}",
        f"  access    {_access(status)}",
        *_nodes(status.get("nodes") or (), columns),
        *_work(status, columns),
    ]
    by_scope: dict[str, list[dict[str, Any]]] = {}
    for kind in status["holds"]:
        scope = " ".join(part for part in (kind["account"], kind["region"]) if part) or _GLOBAL
        by_scope.setdefault(scope, []).append(kind)
    fullest = sorted(by_scope, key=lambda scope: (-sum(kind["count"] for kind in by_scope[scope]), scope))
    for scope in fullest[:_MOST_PLACES]:
        lines.append(f"  {scope}")
        lines += (_kind_line(kind, columns) for kind in by_scope[scope])
    if len(fullest) > _MOST_PLACES:
        lines.append(f"  and {len(fullest) - _MOST_PLACES} more accounts and regions (--json shows them)")
    return "\n".join(lines)


def _nodes(nodes: Sequence[dict[str, Any]], columns: int) -> list[str]:
    """For each node of the store a line, and what it works on; this one has an asterisk."""
    if not nodes:
        return []
    lines = [
        [
            f"{node['name']}{'*' if node['this'] else ''}",
            node["url"],
            node["version"],
            f"{node['heartbeat_age_ms'] / 1000:.1f} s ago",
            *(f"{node['load'].get(figure, 0):g}" for figure in _LOAD.values()),
            "draining" if node["draining"] else "",
        ]
        for node in nodes
    ]
    table = [["nodes", "", "", "heard of", *_LOAD, ""], *lines]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    shown = [
        "  " + "  ".join(cell.ljust(wide) for cell, wide in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
    for node in nodes:
        shown += _work(node, columns, f" of {node['name']}")
    return shown


def _work(node: Mapping[str, Any], columns: int, whose: str = "") -> list[str]:
    """The duties that a node has, those that differ in a last word only counted together, and its jobs by queue."""
    duties, jobs = node.get("duties") or (), node.get("work") or {}
    kinds = Counter(_kind_of_duty(duty) for duty in duties)
    lines = []
    if duties:
        named = [kind if count == 1 else f"{count} x {kind}" for kind, count in sorted(kinds.items())]
        begin = f"  duties{whose}: {len(duties)}  "
        if columns == _UNBOUNDED:  # a file has all of them, and lines that can be read
            lines += _wrapped(begin, named)
        else:
            lines.append(begin + _names(named, len(named), columns - len(begin), _UNBOUNDED))
    if jobs:
        lines.append(
            f"  jobs{whose}: " + ", ".join(f"{count} {queue}" for queue, count in sorted(jobs.items()))
        )
    return lines


def _wrapped(begin: str, names: Sequence[str]) -> list[str]:
    lines = [begin + names[0]]
    for name in names[1:]:
        if len(lines[-1]) + len(name) + 3 > _FILE_COLUMNS:  # with the commas around it
            lines[-1] += ","
            lines.append(" " * len(begin) + name)
        else:
            lines[-1] += f", {name}"
    return lines


def _kind_of_duty(name: str) -> str:
    """Without the package of its service, or what tells several of a kind apart."""
    if name.startswith("event source mapping "):
        return "event source mapping"
    return name.rsplit(" ", 1)[-1].replace("_", " ") if name.startswith("nightbus.") else name


def _data(folder: str | None, store: str | None) -> str:
    if store is not None:
        return f"{store}, and {folder} for what is this machine's own"
    return folder or "in memory, gone when the node stops"


def _access(status: dict[str, Any]) -> str:
    by_any = status.get("dev_credentials")
    keys = "any access key (dev_credentials)" if by_any else "access keys that the node issued"
    return f"{keys}; policies are {'not ' if status.get('authorization') == 'audit' else ''}enforced"


def _kind_line(kind: dict[str, Any], columns: int) -> str:
    begin = f"    {kind['what']:<11} {kind['count']:>6}  "
    return begin + _names(kind["names"], kind["count"], columns - len(begin))


def _names(names: Sequence[str], count: int, room: int, most: int = _MOST_NAMES) -> str:
    for listed in range(min(len(names), most), 0, -1):
        more = f" and {count - listed} more" if count > listed else ""
        text = ", ".join(names[:listed]) + more
        if len(text) <= room or listed == 1:
            return text
    return ""


def _duration(seconds: int) -> str:
    hours, remainder = divmod(seconds, 3600)
    minutes, left = divmod(remainder, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {left} s" if minutes else f"{left} s"
