"""The console's files fit together without a build step, and nothing comes from elsewhere."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

from nightbus.console.web_files import FOLDER, WebFiles
from nightbus.console.web_modules import imports, route_of, routes

_FROM = re.compile(r"""\bfrom\s*["'](\.[^"']+)["']""")
MODULES = sorted(FOLDER.rglob("*.js"))
_DYNAMIC = re.compile(r"""import\(["']\./([^"']+)["']\)""")


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_each_import_leads_to_a_file(module: Path) -> None:
    found = imports(FOLDER, str(module.relative_to(FOLDER)))
    assert len(found) == len(set(_FROM.findall(module.read_text())))
    assert [one for one in found if not (FOLDER / one).is_file()] == []


def test_each_page_has_a_route_that_is_read() -> None:
    text = (FOLDER / "routes.js").read_text()
    found = routes(FOLDER)
    assert [one.module for one in found] == _DYNAMIC.findall(text)
    assert [one.path for one in found] == re.findall(r"\{ path: '([^']+)', nav:", text)
    assert [one.ahead for one in found if one.ahead] == re.findall(r"ahead: '([^']+)'", text)
    styles = {one.style for one in found if one.style}
    assert {style for style in styles if not (FOLDER / "style" / f"{style}.css").is_file()} == set()


@pytest.mark.parametrize(
    ("path", "module"),
    [
        ("/", "pages/overview.js"),
        ("", "pages/overview.js"),
        ("/events/", "pages/events.js"),
        ("/events/e-1", "pages/event.js"),
        ("/no/such/page", ""),
    ],
)
async def test_a_pages_shell_names_its_bundle_and_what_it_asks_for(path: str, module: str) -> None:
    route = route_of(FOLDER, path)
    assert route.module == module
    shell = await WebFiles().shell(path)
    assert shell is not None
    text = shell.body.decode()
    links = re.findall(r'modulepreload" href="[^"]*/v-[0-9a-f]{16}/([^"]+)"', text)
    assert links == ([f"bundle/{module}"] if module else [])
    assert ('as="style" href="' in text) == bool(route.style)
    asked = re.findall(r'data-ahead="([^"]*)"', text)
    assert [html.unescape(one).split() for one in asked] == [["/session", *route.ahead.split()]]


@pytest.mark.parametrize("page", sorted(FOLDER.glob("*.html")), ids=lambda path: path.name)
def test_pages_have_no_inline_script_or_style(page: Path) -> None:
    text = page.read_text()
    assert re.findall(r"<script(?![^>]*\bsrc=)", text) == []
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=", text) == []


def test_nothing_is_loaded_from_elsewhere() -> None:
    names = {"http://www.w3.org/2000/svg"}  # the namespace of SVG, which nobody fetches
    for path in [*MODULES, *FOLDER.rglob("*.css"), *FOLDER.rglob("*.html"), *FOLDER.rglob("*.svg")]:
        if path.parent.name == "vendor":
            continue
        found = set(re.findall(r"https?://[^\s\"'`)<]+", path.read_text())) - names
        assert found == set(), path


def test_each_library_has_its_licence_and_origin_written_down() -> None:
    listed = (FOLDER / "vendor" / "LICENSES.md").read_text()
    assert [path.name for path in FOLDER.glob("vendor/*.js") if f"`{path.name}`" not in listed] == []
