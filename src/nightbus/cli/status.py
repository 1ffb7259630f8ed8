"""What runs, and what does it hold?"""

from __future__ import annotations

import json

from nightbus.cli.client import ask
from nightbus.node.settings import Settings

_SHOWN = 8


def show_status(settings: Settings, as_json: bool) -> None:
    status = ask(settings, "status")
    if as_json:
        print(json.dumps(status, indent=2))
        return
    up = int(status["uptime_seconds"])
    print(
        f"Nightbus {status['version']} at {status['endpoint']}, process {status['pid']}, up {_duration(up)}"
    )
    print(f"  data      {status['data'] or 'in memory, gone when the node stops'}")
    print(f"  services  {', '.join(status['services'])}")
    for held in status["holds"]:
        names = held["names"]
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        where = " ".join(part for part in (held["account"], held["region"]) if part)
        print(f"  {len(names)} {held['what']} in {where}: {', '.join(names[:_SHOWN])}{more}")


def _duration(seconds: int) -> str:
    hours, rest = divmod(seconds, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {left} s" if minutes else f"{left} s"
