"""Shows the settings with which the node was started: `/settings`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from nightbus.console.api.request import ApiRequest
from nightbus.console.api.routing import Routes
from nightbus.console.api.values import Answer
from nightbus.delivery.retention import Retention
from nightbus.messaging.mail_server import MailServer
from nightbus.node.settings import Settings

_OF_TESTS = ("virtual_time_from", "test_cache")
_RETENTIONS = {"retention": "history", "trail_retention": "audit"}


class Setting(Answer, frozen=True):
    """`name` as in `nightbus.toml`; `changed`: the value is not the default."""

    name: str
    value: str
    changed: bool


class NodeSettings(Answer, frozen=True):
    settings: list[Setting]


async def read_settings(request: ApiRequest) -> NodeSettings:
    """Show the settings with which the node was started. Passwords, and addresses that may have some, are left out."""
    settings, defaults = request.http.settings, Settings()
    shown = []
    for one in fields(Settings):
        if one.name in _OF_TESTS:
            continue
        value, default = getattr(settings, one.name), getattr(defaults, one.name)
        named = zip(_named(one.name, value), _named(one.name, default), strict=True)
        shown += [Setting(name=name, value=text, changed=text != usual) for (name, text), (_, usual) in named]
    return NodeSettings(settings=sorted(shown, key=lambda setting: setting.name))


def _named(name: str, value: Any) -> list[tuple[str, str]]:
    """Under the names of `nightbus.toml`, where a retention is two settings."""
    if isinstance(value, Retention):
        what = _RETENTIONS[name]
        age = ("hours", value.hours) if what == "history" else ("days", value.hours // 24)
        return [(f"{what}_{age[0]}", str(age[1])), (f"{what}_megabytes", str(value.megabytes))]
    return [(name, _text(value))]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return ", ".join(sorted(value))
    if isinstance(value, MailServer):
        return f"{value.host}:{value.port}"
    if isinstance(value, tuple):
        return ", ".join(value)
    if isinstance(value, Path):
        return str(value.absolute())
    return "" if value is None else str(value)


ROUTES: Routes = {"GET /settings": read_settings}
