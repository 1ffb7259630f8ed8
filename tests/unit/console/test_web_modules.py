"""The console's files fit together without a build step, and nothing comes from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nightbus.console.web_files import FOLDER

_IMPORT = re.compile(
    r"""(?:^|;|\})\s*(?:import|export)\b[^;'"()]*?from\s*["']([^"']+)["']|import\(["']([^"']+)["']\)""", re.M
)
_WEB = "/_nightbus/console/web/"
MODULES = sorted(FOLDER.rglob("*.js"))
INDEX = (FOLDER / "index.html").read_text()


def imports(module: Path, *, dynamic: bool) -> set[Path]:
    """The modules that one imports, with those that it loads later if `dynamic`."""
    found = _IMPORT.findall(module.read_text())
    names = [static or (later if dynamic else "") for static, later in found]
    return {(module.parent / name).resolve() for name in names if name}


def closure(module: Path) -> set[Path]:
    seen: set[Path] = set()
    turn = [module.resolve()]
    while turn:
        one = turn.pop()
        if one not in seen:
            seen.add(one)
            turn += imports(one, dynamic=False)
    return seen


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_each_import_leads_to_a_file(module: Path) -> None:
    missing = [str(one) for one in imports(module, dynamic=True) if not one.is_file()]
    assert missing == []


def test_the_page_fetches_at_once_all_that_the_shell_needs() -> None:
    preloaded = {
        (FOLDER / name).resolve() for name in re.findall(rf'modulepreload" href="{_WEB}([^"]+)"', INDEX)
    }
    assert preloaded == closure(FOLDER / "app.js") - {(FOLDER / "app.js").resolve()}


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
