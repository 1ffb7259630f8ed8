"""Nothing of a node for tests is left when the tests' process is killed, and it runs where no home can be written."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nightbus.testing import NodeFailed, TestNode
from nightbus.testing.cache import cache_folder
from nodes import clean_environment
from waiting import wait_for

STARTS = """
import time
from nightbus.testing import TestNode
node = TestNode()
print("up", flush=True)
time.sleep(600)
"""
DEPLOYS = """
from nightbus.testing import node
function = {"Runtime": RUNTIME, "Handler": "index.handler", "InlineCode": "def handler(event, context): return 1"}
resources = {"One": {"Type": "AWS::Serverless::Function", "Properties": function}}
with node() as nightbus:
    nightbus.deploy({"Transform": "AWS::Serverless-2016-10-31", "Resources": resources})
    assert nightbus.invoke("One") == 1
"""


def _begin(temporary: Path) -> subprocess.Popen[bytes]:
    environment = clean_environment() | {"TMPDIR": str(temporary)}
    return subprocess.Popen([sys.executable, "-c", STARTS], env=environment, stdout=subprocess.PIPE)


def _gone(temporary: Path) -> bool:
    processes = (one / "cmdline" for one in Path("/proc").iterdir() if one.name.isdecimal())
    running = [path for path in processes if str(temporary) in _text(path)]
    return not running and not list(temporary.glob("nightbus-testing-*"))


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda one: one.name)
def test_the_end_of_the_tests_ends_their_node_and_deletes_its_folder(
    tmp_path: Path, ending: signal.Signals
) -> None:
    with _begin(tmp_path) as tests:
        assert tests.stdout is not None
        tests.stdout.readline()
        assert not _gone(tmp_path)
        tests.send_signal(ending)
    wait_for(lambda: _gone(tmp_path), seconds=30)


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT], ids=lambda one: one.name)
def test_an_end_while_the_node_starts(tmp_path: Path, ending: signal.Signals) -> None:
    with _begin(tmp_path) as tests:
        wait_for(lambda: bool(list(tmp_path.glob("nightbus-testing-*/data"))), seconds=30)
        tests.send_signal(ending)
    wait_for(lambda: _gone(tmp_path), seconds=30)


def test_a_node_that_was_stopped_says_so() -> None:
    node = TestNode()
    account = node.account()
    node.stop()
    node.stop()
    for use in (account.settle, account.restart):
        with pytest.raises(NodeFailed, match="was stopped"):
            use()


@pytest.mark.parametrize("home", ["/proc/none", "file"])
def test_a_home_that_cannot_be_written(tmp_path: Path, home: str) -> None:
    (tmp_path / "file").touch()
    nowhere = str(tmp_path / home)
    environment = clean_environment() | {"HOME": nowhere, "XDG_CACHE_HOME": nowhere, "TMPDIR": str(tmp_path)}
    code = f"RUNTIME = 'python3.{sys.version_info.minor}'\n{DEPLOYS}"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_temporary_cache_of_somebody_else_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/none")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (kept := cache_folder().parent).joinpath("testing").rmdir()
    kept.rmdir()
    kept.symlink_to(tmp_path)
    with pytest.raises(PermissionError, match="XDG_CACHE_HOME"):
        cache_folder()
    kept.unlink()
    kept.mkdir()
    kept.chmod(0o777)  # as somebody else would
    with pytest.raises(PermissionError, match="XDG_CACHE_HOME"):
        cache_folder()
