"""Joins the console's modules into bundles, so that a browser asks for two files where it would ask for thirty.

`bundle/app.js` holds the shell's modules, `bundle/pages/NAME.js` those that a page needs beside them, and
`bundle/shell.css` the shell's styles. A module becomes a function that `$need` calls once, and its imports become calls
of `$need`; so a module that two pages' bundles hold is still one module. The modules are read as text: they are this
folder's own, and a form of import or export that is not known here is an error (`tests/unit/console` bundles them all).
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from nightbus.console.web_modules import SHELL_MODULE, closure, routes

BUNDLES = "bundle/"
SHELL_STYLE = "shell.css"
_STYLES = ("base", "shell", "components")
_NAMES = r"\{([^}]*)\}"
_FROM = r"""\s*from\s*["'](\.[^"']+)["'];?"""
_IMPORT = re.compile(rf"^import\s*(?:(\w+)|{_NAMES}){_FROM}", re.M)
_EXPORT_FROM = re.compile(rf"^export\s*{_NAMES}{_FROM}", re.M)
_EXPORT_NAMES = re.compile(rf"(?:^|(?<=[;}}]))export\s*{_NAMES};?\s*\Z")
_EXPORT_UNNAMED = re.compile(r"(?:^|(?<=[;}]))export default (?=function\s*\()", re.M)
_EXPORT = re.compile(r"^export (default )?((?:async )?function|const|class) (\w+)", re.M)
_LOAD = re.compile(r"\bimport\('(\.[^']+)'\)")
_LEFT = re.compile(r"^\s*(?:import|export)\b.*$|[;}]\s*(?:import|export)\s*[{*\"']", re.M)

_BEGINNING = """\
const $made = new Map()
const $known = new Map()
const $at = path => new URL('../' + path, import.meta.url).href
export const $define = (path, make) => { if (!$known.has(path)) $known.set(path, make) }
const $need = path => {
  if (!$made.has(path)) {
    const $exports = {}
    $known.get(path)($exports, $need, $load, $at(path))
    $made.set(path, $exports)
  }
  return $made.get(path)
}
const $load = async path => {
  if (!$known.has(path)) await import($at('bundle/' + path))
  return $need(path)
}
"""


def bundle(folder: Path, name: str) -> str | None:
    """The text of a bundle by its name below `bundle/`; None where there is no such one.

    Raises OSError where a module is missing, and ValueError where one has a form that is not known here.
    """
    if name == SHELL_STYLE:
        return "\n".join((folder / "style" / f"{style}.css").read_text(encoding="utf-8") for style in _STYLES)
    shell = closure(folder, SHELL_MODULE)
    if name == SHELL_MODULE:
        return f"{_BEGINNING}{_defined(folder, shell)}$need('{SHELL_MODULE}')\n"
    if name not in (route.module for route in routes(folder)):
        return None
    own = [module for module in closure(folder, name) if module not in shell]
    return f"import {{ $define }} from '../{SHELL_MODULE}'\n{_defined(folder, own)}"


def _defined(folder: Path, modules: list[str]) -> str:
    return "".join(
        f"$define('{module}', ($exports, $need, $load, $url) => {{\n{as_function(module, text)}\n}})\n"
        for module, text in ((module, (folder / module).read_text(encoding="utf-8")) for module in modules)
    )


def as_function(module: str, text: str) -> str:
    """The body of the function that a module becomes: it fills `$exports`. Raises ValueError."""
    here = posixpath.dirname(module)
    exported: dict[str, str] = {}

    def path(relative: str) -> str:
        return posixpath.normpath(posixpath.join(here, relative))

    def imported(found: re.Match[str]) -> str:
        names = f"default: {found[1]}" if found[1] else re.sub(r"\s+as\s+", ": ", found[2])
        return f"const {{{names}}} = $need('{path(found[3])}');"

    def passed_on(found: re.Match[str]) -> str:
        names = ", ".join(own if own == out else f"{own}: {out}" for own, out in _pairs(found[1]))
        outs = ", ".join(out for _, out in _pairs(found[1]))
        return f"{{ const {{{names}}} = $need('{path(found[2])}'); Object.assign($exports, {{{outs}}}) }}"

    def declared(found: re.Match[str]) -> str:
        exported["default" if found[1] else found[3]] = found[3]
        return f"{found[2]} {found[3]}"

    def listed(found: re.Match[str]) -> str:
        exported.update((out, own) for own, out in _pairs(found[1]))
        return ""

    text = _EXPORT_FROM.sub(passed_on, text)
    text = _IMPORT.sub(imported, text)
    text = _EXPORT_NAMES.sub(listed, text)
    text = _EXPORT_UNNAMED.sub("$exports.default = ", text)
    text = _EXPORT.sub(declared, text)
    text = _LOAD.sub(lambda found: f"$load('{path(found[1])}')", text)
    text = text.replace("import.meta.url", "$url")
    left = _LEFT.search(text)
    if left is not None:
        raise ValueError(f"{module}: this form is not known to web_bundles.py: {left[0].strip()[:80]}")
    names = ", ".join(f"{out}: {own}" for out, own in exported.items())
    return f"{text}\nObject.assign($exports, {{{names}}})" if names else text


def _pairs(names: str) -> list[tuple[str, str]]:
    """The own name and the exported one of each of `a, b as c`."""
    found = []
    for one in filter(None, (part.strip() for part in names.split(","))):
        own, _, out = one.partition(" as ")
        found.append((own.strip(), (out or own).strip()))
    return found
