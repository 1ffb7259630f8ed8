"""Says which files a page of the console will ask for, so that its shell names them all at once.

A browser finds the imports of a module only when it has that module: without the list a page waits for one round trip
after another. The modules are read as text; `web/` has no build step that could write the list down.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

SHELL_MODULE = "app.js"
_ROUTES = "routes.js"
_IMPORT = re.compile(
    r"""(?:^|;|\})\s*(?:import|export)\b[^;'"()]*?from\s*["'](\.[^"']+)["']|^import\s*["'](\.[^"']+)["']""",
    re.M,
)
_ROUTE = re.compile(
    r"\{ path: '([^']+)', nav: '\w+', (?:style: '(\w+)', )?load: \(\) => import\('\./([^']+)'\) \}"
)


def imports(folder: Path, module: str) -> set[str]:
    """The modules that one imports as it is loaded, by their paths below `folder`."""
    found = _IMPORT.findall((folder / module).read_text())
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


def routes(folder: Path) -> list[tuple[str, str, str]]:
    """The path of each page, such as `/events/:id`, the name of its style or "", and its module."""
    return _ROUTE.findall((folder / _ROUTES).read_text())


def route_of(folder: Path, path: str) -> tuple[str, str, str]:
    """The route of a path below the console, as `router.js` finds it; three empty texts where it leads nowhere."""
    parts = [part for part in path.split("/") if part]
    for route in routes(folder):
        wanted = [part for part in route[0].split("/") if part]
        if len(wanted) == len(parts) and all(
            name.startswith(":") or name == part for name, part in zip(wanted, parts, strict=True)
        ):
            return route
    return "", "", ""


def preloads(folder: Path, style: str, module: str) -> str:
    """The HTML that makes a browser fetch the shell's modules and those of a page (`module`, or "") at once."""
    lines = (
        [f'<link rel="preload" as="style" href="/_nightbus/console/web/style/{style}.css">'] if style else []
    )
    modules = [one for one in (SHELL_MODULE, module) if one]
    lines += [
        f'<link rel="modulepreload" href="/_nightbus/console/web/{one}">'
        for one in closure(folder, *modules)
        if one != SHELL_MODULE
    ]
    return "\n".join(lines)
