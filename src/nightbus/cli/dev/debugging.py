"""Lets functions of the application wait for a debugger, as long as `nightbus dev` runs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nightbus.cli.dev.sources import Application
from nightbus.cli.environment import chosen_account, chosen_region
from nightbus.cli.errors import WRONG_USAGE, CommandFailed
from nightbus.node.settings import Settings

if TYPE_CHECKING:
    from nightbus.cli.dev.stack import Deployed

FIRST_PORT = 5678
_INSTALL_SECONDS = 400.0  # the debugger is installed once for each Python


def debug_wishes(texts: Sequence[str]) -> dict[str, int]:
    """Read `FUNCTION[:PORT]`: ports by function; those without a port get 5678 and the next. Raises CommandFailed."""
    wishes: dict[str, int] = {}
    for text in texts:
        name, _, port = text.partition(":")
        if not name or (port and not (port.isascii() and port.isdecimal() and 1024 <= int(port) <= 65535)):
            raise CommandFailed(
                f"--debug {text}: it must be FUNCTION or FUNCTION:PORT (1024 to 65535)", WRONG_USAGE
            )
        free = next(number for number in range(FIRST_PORT, 65536) if number not in wishes.values())
        wishes[name] = int(port) if port else free
    return wishes


class Debug:
    """The functions that are debugged. `wishes` has their logical ids or names, and ports."""

    def __init__(self, node: Settings, region: str | None, wishes: Mapping[str, int]) -> None:
        self._node = node
        self._scope = {"account": chosen_account(), "region": chosen_region(region)}
        self._wishes = dict(wishes)
        self._debugged: list[str] = []

    def begin(self, functions: Mapping[tuple[str, ...], Deployed], application: Application) -> Iterator[str]:
        """Tell the node. Yields a line for each function. Raises CommandFailed."""
        for wish, port in self._wishes.items():
            path = next((path for path, one in functions.items() if wish in (path[-1], one.name)), None)
            if path is None:
                names = ", ".join(sorted(path[-1] for path in functions))
                raise CommandFailed(f"--debug {wish}: the application has no such function; it has {names}")
            name = functions[path].name
            self._post(name, port)
            self._debugged.append(name)
            folder = next((one.folder for one in application.sources if one.path == path), None)
            mapped = f"; pathMappings: {_short(folder)} ↔ /var/task" if folder else ""
            yield f"{path[-1]} waits for a debugger at 127.0.0.1:{port} when it is invoked{mapped}"

    def end(self) -> None:
        """Environments that still wait are ended."""
        for name in self._debugged:
            with contextlib.suppress(CommandFailed):
                self._post(name, None)
        self._debugged.clear()

    def _post(self, name: str, port: int | None) -> None:
        from nightbus.cli.operator_request import post_as_operator

        body = {**self._scope, "function": name, "port": port}
        post_as_operator(self._node, "debug", body, _INSTALL_SECONDS)


def _short(folder: Path) -> str:
    here = Path.cwd()
    return f"${{workspaceFolder}}/{folder.relative_to(here)}" if folder.is_relative_to(here) else str(folder)
