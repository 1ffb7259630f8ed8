"""Which Python runs a function?"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest

from function_rig import Functions
from nightbus.functions.runtimes import python as interpreters
from nightbus.functions.runtimes.interface import CannotProvide
from shown_folders import shown_in_tmp

WHICH = "import sys, boto3, awslambdaric\ndef handler(event, context): return list(sys.version_info[:2])"
OWN = f"python{sys.version_info.major}.{sys.version_info.minor}"


def on_this_machine() -> list[str]:
    return [name for name in interpreters.supported_runtimes() if any(interpreters.candidates(name))]


async def test_the_nodes_own_python_runs_its_own_version_without_a_word(functions: Functions) -> None:
    assert await functions.run(functions.define(WHICH, runtime=OWN)) == list(sys.version_info[:2])
    assert re.fullmatch(
        r"INIT_START Runtime Version: python:3\.\d+\.v\d+\tRuntime Version ARN: "
        r"arn:aws:lambda:eu-central-1::runtime:[0-9a-f]{64}\n",
        functions.sink.messages[0],
    )
    assert not any("Nightbus" in message for message in functions.sink.messages)


async def test_every_python_that_is_here_runs_its_version_or_says_why_not(functions: Functions) -> None:
    assert OWN in on_this_machine()
    for runtime in on_this_machine():
        before = len(functions.sink.messages)
        version = await functions.run(functions.define(WHICH, runtime=runtime, timeout=60))
        said = [message for message in functions.sink.messages[before:] if "\tNightbus: " in message]
        if said:
            assert f"{runtime} is on this machine but its packages cannot be installed" in said[0]
        else:
            assert f"python{version[0]}.{version[1]}" == runtime


async def test_every_python_has_the_same_sandbox(functions: Functions) -> None:
    code = "import os\ndef handler(event, context): return [os.getcwd(), os.listdir('/tmp'), os.getuid()]"
    for runtime in on_this_machine():
        folder, tmp, user = await functions.run(functions.define(code, runtime=runtime, timeout=60))
        assert (folder, user) == ("/var/task", 993), runtime
        assert set(tmp) <= set(shown_in_tmp()), runtime


async def test_a_python_that_is_not_here_is_replaced_and_said(
    functions: Functions, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(interpreters, "_PLACES", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    runtime = next(name for name in reversed(interpreters.supported_runtimes()) if name != OWN)
    assert await functions.run(functions.define(WHICH, runtime=runtime)) == list(sys.version_info[:2])
    version = ".".join(map(str, sys.version_info[:3]))
    first, second, *_ = functions.sink.messages
    assert first.startswith("INIT_START Runtime Version: python:3.")
    assert first.endswith(f"\tNightbus: {runtime} is not on this machine; running on Python {version}.\n")
    assert second.startswith("START RequestId: ")


async def test_a_shim_without_an_interpreter_behind_it_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    runtime = next(name for name in interpreters.supported_runtimes() if name != OWN)
    shim = tmp_path / runtime
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    monkeypatch.setattr(interpreters, "_PLACES", (str(tmp_path / "{name}"),))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which(runtime) == str(shim)
    assert list(interpreters.candidates(runtime)) == []


async def test_packages_that_cannot_be_installed_are_said_and_leave_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    refusing = tmp_path / "refusing"
    refusing.write_text("#!/bin/sh\necho 'no index here' >&2\nexit 1\n")
    refusing.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotProvide, match="no index here"):
        interpreters._installed_packages(refusing, tmp_path / "cache" / "python3.12")
    assert list((tmp_path / "cache").iterdir()) == []
