"""Says which modules a page of the console needs, and what its shell names so that a browser fetches it early.

The modules are read as text; `web/` has no build step that could write the lists down.
"""

from __future__ import annotations

import html
import posixpath
import re
from pathlib import Path
from typing import NamedTuple

SHELL_MODULE = "app.js"
_ROUTES = "routes.js"
_IMPORT = re.compile(
    r"""(?:^|;|\})\s*(?:import|export)\b[^;'"()]*?from\s*["'](\.[^"']+)["']|^import\s*["'](\.[^"']+)["']""",
    re.M,
)
_ROUTE = re.compile(
    r"\{ path: '(?P<path>[^']+)', nav: '\w+', (?:style: '(?P<style>\w+)', )?"
    r"load: \(\) => import\('\./(?P<module>[^']+)'\)(?:,\s+ahead: '(?P<ahead>[^']+)')? \}"
)


def imports(folder: Path, module: str) -> set[str]:
    """The modules that one imports as it is loaded, by their paths below `folder`."""
    found = _IMPORT.findall((folder / module).read_text(encoding="utf-8"))
    here = posixpath.dirname(module)
    return {posixpath.normpath(posixpath.join(here, first or second)) for first, second in found}


def closure(folder: Path, *modules: str) -> list[str]:
    """The modules and all that they import, each after those that import it. Raises OSError."""
    seen = dict.fromkeys(modules)
    turn = list(modules)
    while turn:
        new = sorted(imports(folder, turn.pop(0)) - seen.keys())
        seen |= dict.fromkeys(new)
        turn += new
    return list(seen)


class Route(NamedTuple):
    """The path of a page, such as `/events/:id`, the name of its style or "", its module, and the paths of the API that
    it asks for at first, with their parameters, by spaces."""

    path: str = ""
    style: str = ""
    module: str = ""
    ahead: str = ""


def routes(folder: Path) -> list[Route]:
    return [
        Route(found["path"], found["style"] or "", found["module"], found["ahead"] or "")
        for found in _ROUTE.finditer((folder / _ROUTES).read_text(encoding="utf-8"))
    ]


def route_of(folder: Path, path: str) -> Route:
    """The route of a path below the console, as `router.js` finds it; one of empty texts where it leads nowhere."""
    parts = [part for part in path.split("/") if part]
    for route in routes(folder):
        wanted = [part for part in route.path.split("/") if part]
        if len(wanted) == len(parts) and all(
            name.startswith(":") or name == part for name, part in zip(wanted, parts, strict=True)
        ):
            return route
    return Route()


def preloads(route: Route) -> str:
    """The HTML that makes a browser fetch the style and the bundle of a page while it reads the shell's."""
    lines = []
    if route.style:
        lines.append(f'<link rel="preload" as="style" href="/_nightbus/console/web/style/{route.style}.css">')
    if route.module:
        lines.append(f'<link rel="modulepreload" href="/_nightbus/console/web/bundle/{route.module}">')
    return "\n".join(lines)


def ahead(route: Route) -> str:
    """What `early.js` asks for, as the value of an HTML attribute."""
    return html.escape(f"/session {route.ahead}".strip())
