"""The parts of `nightbus dev` that need no node: projects, sources, packages, syntax, and what is no change."""

from __future__ import annotations

import io
import json
import shutil
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from nightbus.cli.dev.debugging import debug_wishes
from nightbus.cli.dev.packages import Packages
from nightbus.cli.dev.printing import Printer
from nightbus.cli.dev.samconfig import find_project
from nightbus.cli.dev.sources import Application, Source, impact_of, read_application
from nightbus.cli.dev.syntax import SyntaxCheck
from nightbus.cli.dev.watching import is_ignored
from nightbus.cli.errors import CommandFailed
from nightbus.cli.zip_files import ZipWriter

FUNCTION: dict[str, Any] = {"Handler": "app.handler", "Runtime": "python3.12", "CodeUri": "src"}
OWN = f"python3.{sys.version_info.minor}"


def function(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::Serverless::Function", "Properties": {**FUNCTION, **properties}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("src", "other", "layer"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "app.py").write_text("def handler(event, context): pass\n")
    nested = {"Resources": {"Inner": function(CodeUri="other")}}
    (tmp_path / "nested.json").write_text(json.dumps(nested))
    template = {
        "Globals": {"Function": {"Runtime": "python3.13", "AutoPublishAlias": "live"}},
        "Resources": {
            "First": function(),
            "Second": function(Runtime="python3.11"),
            "Layer": {"Type": "AWS::Serverless::LayerVersion", "Properties": {"ContentUri": "layer"}},
            "Nested": {"Type": "AWS::Serverless::Application", "Properties": {"Location": "nested.json"}},
        },
    }
    (tmp_path / "template.json").write_text(json.dumps(template))
    return tmp_path


@pytest.fixture
def application(folder: Path) -> Application:
    return read_application(folder / "template.json")


def test_an_application_has_the_sources_of_nested_templates(application: Application, folder: Path) -> None:
    assert [
        (source.path, source.folder.name, source.runtime, source.alias) for source in application.sources
    ] == [
        (("First",), "src", "python3.12", "live"),
        (("Second",), "src", "python3.11", "live"),
        (("Layer",), "layer", "python3.13", "live"),
        (("Nested", "Inner"), "other", "python3.12", ""),
    ]
    assert application.templates == (folder / "template.json", folder / "nested.json")


def test_a_change_touches_every_function_of_its_folder(application: Application, folder: Path) -> None:
    impact = impact_of({folder / "src" / "app.py"}, application)
    assert [source.path for source in impact.functions] == [("First",), ("Second",)]
    assert not impact.build
    assert not impact.stack
    assert impact_of({folder / "nested.json"}, application).stack
    assert impact_of({folder / "layer" / "app.py"}, application).stack
    assert impact_of({folder / "src" / "requirements.txt"}, application).build
    assert impact_of({folder / "elsewhere.py"}, application).functions == ()


@pytest.mark.parametrize(
    ("properties", "metadata", "files", "reason", "compiled"),
    [
        ({}, {}, {"requirements.txt": "# none\n\nboto3\n"}, "requirements.txt", False),
        ({}, {}, {"requirements.txt": "\n"}, "", False),
        (
            {"Runtime": "nodejs20.x"},
            {},
            {"package.json": '{"dependencies": {"a": "1"}}'},
            "package.json",
            False,
        ),
        ({"Runtime": "nodejs20.x"}, {}, {"package.json": "{}"}, "", False),
        ({"Runtime": "nodejs20.x"}, {"BuildMethod": "esbuild"}, {}, "BuildMethod esbuild", True),
        ({"Runtime": "provided.al2023"}, {}, {"bootstrap": "#!/bin/sh"}, "", False),
        ({"Runtime": "java21"}, {}, {}, "runtime java21", True),
        ({"Runtime": "java21"}, {"SkipBuild": True}, {}, "", False),
    ],
)
def test_what_needs_a_build(
    tmp_path: Path,
    properties: dict[str, Any],
    metadata: dict[str, Any],
    files: dict[str, str],
    reason: str,
    compiled: bool,
) -> None:
    (tmp_path / "src").mkdir()
    for name, text in files.items():
        (tmp_path / "src" / name).write_text(text)
    template = {"Resources": {"One": {**function(**properties), "Metadata": metadata}}}
    (tmp_path / "template.json").write_text(json.dumps(template))
    (source,) = read_application(tmp_path / "template.json").sources
    assert (source.build_reason, source.compiled) == (reason, compiled)


@pytest.mark.parametrize(
    "name",
    [".git/index", "a/__pycache__/b.pyc", ".aws-sam/build/x.py", "node_modules/.cache/x", ".app.py.swp", "app.py~",
     "#app.py#", ".#app.py", "4913", "app.py___jb_tmp___", ".goutputstream-X1", "x.tmp"],
)  # fmt: skip
def test_what_tools_leave_is_no_change(tmp_path: Path, name: str) -> None:
    assert is_ignored(tmp_path / name, tmp_path)


def test_a_source_below_a_folder_of_such_a_name_is_a_change(tmp_path: Path) -> None:
    root = tmp_path / "node_modules" / "project"
    assert not is_ignored(root / "src" / "app.py", root)


def test_a_zip_depends_on_names_and_contents_only(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("a = 1\n")
    (tmp_path / "é.txt").write_text("é" * 1000)
    files = [(tmp_path / "a.py", "a.py"), (tmp_path / "é.txt", "sub/é.txt")]
    writer = ZipWriter()
    first = writer.write(files)
    (tmp_path / "a.py").touch()
    assert writer.write(files) == first == ZipWriter().write(files)
    (tmp_path / "a.py").write_text("a = 2\n")
    assert writer.write(files) != first
    (tmp_path / "a.py").chmod(0o755)
    with zipfile.ZipFile(io.BytesIO(writer.write(files))) as package:
        assert package.testzip() is None
        assert package.read("a.py") == b"a = 2\n"
        assert package.read("sub/é.txt").decode() == "é" * 1000
        assert [entry.external_attr >> 16 & 0o777 for entry in package.infolist()] == [0o755, 0o644]


def test_requirements_are_installed_once_and_lie_below_the_sources(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What installs them is replaced: it stands for an index that a machine may not have."""
    installed: list[Path] = []

    def install(requirements: Path, target: Path) -> None:
        installed.append(requirements)
        (target / "package").mkdir(parents=True)
        (target / "package" / "__init__.py").write_text("")
        (target / "app.py").write_text("from the package")

    monkeypatch.setattr("nightbus.cli.dev.packages.install_requirements", install)
    monkeypatch.setattr("nightbus.cli.dev.packages.shutil.which", lambda name: None)
    (folder / "src" / "requirements.txt").write_text("package\n")
    application = read_application(folder / "template.json")
    packages = Packages(lambda line: None)
    assert packages.build(folder / "template.json", application) == folder / "template.json"
    with zipfile.ZipFile(io.BytesIO(packages.zip_of(application.sources[0]))) as package:
        assert package.namelist() == ["app.py", "package/__init__.py", "requirements.txt"]
        assert package.read("app.py").startswith(b"def handler")
    packages.build(folder / "template.json", application)
    assert len(installed) == 1  # both functions, twice
    packages.close()


def test_a_syntax_error_has_file_and_line(folder: Path) -> None:
    (source, *_) = read_application(folder / "template.json").sources
    broken = folder / "src" / "broken.py"
    broken.write_text("x = 1\ndef f(:\n")
    assert SyntaxCheck().errors([broken, folder / "src" / "app.py"], source) == [
        f"{broken}:2: invalid syntax"
    ]
    broken.write_text("x = 1\n")
    assert (
        SyntaxCheck().errors([broken, folder / "src" / "gone.py", folder / "src" / "data.json"], source) == []
    )


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not on this machine")
def test_a_syntax_error_of_javascript_has_file_and_line(tmp_path: Path) -> None:
    source = Source(("One",), "AWS::Serverless::Function", tmp_path, "nodejs20.x")
    (tmp_path / "broken.js").write_text("const x = 1;\nexports.handler = async ( => x;\n")
    (tmp_path / "well.mjs").write_text("export const handler = async () => 1;\n")
    (tmp_path / "imports.js").write_text("import a from 'a';\n")
    check = SyntaxCheck()
    errors = check.errors(
        [tmp_path / name for name in ("broken.js", "well.mjs", "imports.js", "gone.js")], source
    )
    assert errors == [
        f"{tmp_path}/broken.js:2: Unexpected token '=>'",
        f"{tmp_path}/imports.js:1: Cannot use import statement outside a module",
    ]
    (tmp_path / "package.json").write_text('{"type": "module"}')
    assert check.errors([tmp_path / "imports.js"], source) == []
    (tmp_path / "well.mjs").write_text("\nexport const handler = async ( => 1;\n")
    assert check.errors([tmp_path / "well.mjs"], source) == [f"{tmp_path}/well.mjs:2: Unexpected token '=>'"]
    check.close()


def test_samconfig_says_what_the_command_does_not(folder: Path) -> None:
    (folder / "samconfig.toml").write_text(
        'version = 0.1\n[default.global.parameters]\nstack_name = "named"\n'
        '[default.deploy.parameters]\nparameter_overrides = "Stage=\\"two words\\" Size=2"\n'
    )
    project = find_project(folder / "template.json", None, ["More=1"])
    assert (project.stack, project.parameters) == ("named", ("Stage=two words", "Size=2", "More=1"))
    assert find_project(folder / "template.json", "mine", []).stack == "mine"
    (folder / "samconfig.toml").write_text("[broken\n")
    with pytest.raises(CommandFailed, match=r"samconfig\.toml cannot be read"):
        find_project(folder / "template.json", None, [])


def test_debugged_functions_get_ports_of_their_own() -> None:
    assert debug_wishes(["One", "Two:6000", "Three"]) == {"One": 5678, "Two": 6000, "Three": 5679}
    for wrong in (":5678", "One:80", "One:x"):
        with pytest.raises(CommandFailed):
            debug_wishes([wrong])


def test_a_log_in_json_is_printed_as_short_as_one_in_text(capsys: pytest.CaptureFixture[str]) -> None:
    printer = Printer()
    report = {
        "requestId": "r",
        "metrics": {"durationMs": 2.86, "billedDurationMs": 3, "memorySizeMB": 128, "maxMemoryUsedMB": 42},
        "status": "error",
        "errorType": "Unhandled",
    }
    for kind, record in (("initStart", {}), ("start", {"requestId": "r"}), ("report", report)):
        line = {"time": "2026-11-28T20:44:32.084Z", "type": f"platform.{kind}", "record": record}
        printer.log("F", json.dumps(line, separators=(",", ":")), 0)
    printer.log("F", '{"timestamp":"2026-11-28T20:44:32.084Z","level":"INFO","message":"mine"}', 0)
    printer.log(
        "F", "INIT_START Runtime Version: x\tRuntime Version ARN: y\tNightbus: not on this machine\n", 0
    )
    printer.log("F", "INIT_START Runtime Version: x\tRuntime Version ARN: y\n", 0)
    shown = [line.split("  F  ")[1] for line in capsys.readouterr().out.splitlines()]
    assert shown == [
        "Duration: 2.86 ms  Max Memory Used: 42 MB  Status: error  Error Type: Unhandled",
        '{"timestamp":"2026-11-28T20:44:32.084Z","level":"INFO","message":"mine"}',
        "Nightbus: not on this machine",
    ]
