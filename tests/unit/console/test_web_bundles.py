"""The console's bundles hold its modules, each once, with their imports and exports turned into calls."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from nightbus.console.web_bundles import SHELL_STYLE, as_function, bundle
from nightbus.console.web_files import FOLDER, WebFiles
from nightbus.console.web_modules import SHELL_MODULE, closure, imports, routes

NAMES = [SHELL_MODULE, *(route.module for route in routes(FOLDER))]
_DEFINED = re.compile(r"^\$define\('([^']+)'", re.M)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_finds_all_its_modules_in_the_two_bundles(name: str) -> None:
    text, shell = bundle(FOLDER, name), bundle(FOLDER, SHELL_MODULE)
    assert text is not None
    assert shell is not None
    own, of_shell = _DEFINED.findall(text), _DEFINED.findall(shell)
    assert set(own) | set(of_shell) == set(closure(FOLDER, SHELL_MODULE, name))
    assert len(own) == len(set(own))
    if name != SHELL_MODULE:
        assert set(own) & set(of_shell) == set()


def test_no_module_imports_itself_by_others() -> None:
    """A module's function has not returned its exports while it is called for."""
    for module in closure(FOLDER, *NAMES):
        assert module not in closure(FOLDER, *imports(FOLDER, module)), module


@pytest.mark.parametrize(
    ("text", "function"),
    [
        ("import { a, b as c } from './x.js'", "const { a, b: c } = $need('pages/x.js');"),
        ('import{options as n}from"../y.js";n()', "const {options: n} = $need('y.js');n()"),
        ("import htm from '../htm.js'", "const {default: htm} = $need('htm.js');"),
        ("export const a = 1", "const a = 1\nObject.assign($exports, {a: a})"),
        ("export async function a() {}", "async function a() {}\nObject.assign($exports, {a: a})"),
        ("export default function Page() {}", "function Page() {}\nObject.assign($exports, {default: Page})"),
        ("var t=1;export default function(s){}", "var t=1;$exports.default = function(s){}"),
        ("var a=1;export{a as b,a};", "var a=1;\nObject.assign($exports, {b: a, a: a})"),
        (
            "export { a, b as c } from './x.js'",
            "{ const {a, b: c} = $need('pages/x.js'); Object.assign($exports, {a, c}) }",
        ),
        ("const a = () => import('./b.js')", "const a = () => $load('pages/b.js')"),
        ("new URL('./i.svg', import.meta.url)", "new URL('./i.svg', $url)"),
    ],
)
def test_each_form_of_import_and_export(text: str, function: str) -> None:
    assert as_function("pages/page.js", text) == function


@pytest.mark.parametrize(
    "text", ["import * as all from './x.js'", "import './x.js'", "export * from './x.js'"]
)
def test_a_form_that_is_not_known_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"page\.js: this form"):
        as_function("page.js", text)


async def test_a_bundle_is_kept_for_good_and_made_anew_when_a_module_changes(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text('<script src="/_nightbus/console/web/bundle/app.js"></script>')
    (tmp_path / "routes.js").write_text("")
    (tmp_path / "app.js").write_text("import { one } from './one.js'\n")
    (tmp_path / "one.js").write_text("export const one = 1\n")
    files = WebFiles(tmp_path)
    shell = await files.shell("/")
    assert shell is not None
    link = f"v-{files.version()}/bundle/app.js"
    assert link in shell.body.decode()
    first = await files.find(link)
    assert first is not None
    assert first.lasting
    assert b"const one = 1\n" in first.body

    (tmp_path / "one.js").write_text("export const one = 1000\n")
    assert await files.shell("/") is not None
    second = await files.find(f"v-{files.version()}/bundle/app.js")
    assert second is not None
    assert b"const one = 1000\n" in second.body
    assert await files.find("bundle/pages/none.js") is None
    assert await files.find("bundle/../app.js") is None


def test_bundles_are_the_same_in_a_locale_of_other_characters() -> None:
    """The modules are UTF-8, whatever the machine writes its own texts in."""
    made = (
        "import sys\n"
        "from nightbus.console.web_bundles import bundle\n"
        "from nightbus.console.web_files import FOLDER\n"
        "for name in sys.argv[1:]:\n"
        "    sys.stdout.buffer.write(bundle(FOLDER, name).encode())\n"
    )
    names = sorted({*NAMES, SHELL_STYLE})
    environ = {**os.environ, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
    done = subprocess.run([sys.executable, "-c", made, *names], env=environ, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode() == "".join(bundle(FOLDER, name) or "" for name in names)
