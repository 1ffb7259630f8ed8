"""What protects functions where namespaces can be had in another way than here, and where they cannot be had."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from nightbus.functions.zygote.isolation import seccomp
from nightbus.functions.zygote.isolation.report import examined, missing_layers

TESTS = Path(__file__).parents[2]
COMPILED: Callable[[str], bytes] = cast(Any, seccomp).compiled
WITHOUT_NAMESPACES = """
import asyncio, json, logging, os, sys
from pathlib import Path
from function_rig import Functions
from nightbus.functions.zygote.isolation import linux, seccomp

linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
seccomp.load(seccomp.compiled())  # which refuses new namespaces
logging.basicConfig(level=logging.WARNING)

CODE = '''
import os, signal
def reads(path):
    try:
        return os.listdir(path) if os.path.isdir(path) else open(path).read(10)
    except OSError as failure:
        return failure.errno
def handler(event, context):
    tmp = os.environ["TMPDIR"]
    open(tmp + "/own", "w").close()
    found = {name: reads(path) for name, path in event["paths"].items()}
    try:
        open(event["outside"], "w").close()
        found["written"] = True
    except OSError as failure:
        found["written"] = failure.errno
    try:
        os.kill(event["node"], 0)
        found["signalled"] = True
    except OSError as failure:
        found["signalled"] = failure.errno
    return [os.environ["LAMBDA_TASK_ROOT"] == os.getcwd(), found]
'''

async def main():
    folder = Path(sys.argv[1])
    functions = Functions(folder)
    secret = folder / "data" / "secret"
    secret.parent.mkdir(exist_ok=True)
    secret.write_text("secret")
    paths = {"data": str(secret), "home": str(Path.home()), "node": f"/proc/{os.getpid()}/environ"}
    event = {"paths": paths, "outside": str(folder / "new"), "node": os.getpid()}
    seen = await functions.run(functions.define(CODE), event)
    scratch = [len(list((folder / "data" / "functions" / "environments").iterdir()))]
    await functions.runner.close()
    scratch.append(len(list((folder / "data" / "functions" / "environments").iterdir())))
    print(json.dumps([*seen, functions.sink.messages, scratch]))

asyncio.run(main())
"""


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = f"{TESTS}:{TESTS.parent / 'src'}"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        timeout=120,
        check=True,
    )


@pytest.fixture
def layers() -> dict[str, Any]:
    return examined()


def test_without_namespaces_landlock_closes_the_machines_files(
    tmp_path: Path, layers: dict[str, Any]
) -> None:
    if not layers["landlock"] or not layers["seccomp"]:
        pytest.skip("this kernel has no landlock")
    done = run(WITHOUT_NAMESPACES, str(tmp_path))
    in_task, found, messages, scratch = json.loads(done.stdout)
    assert in_task
    assert scratch == [1, 0]
    signalled = found.pop("signalled")
    assert signalled == 1 or layers["landlock"] < 6
    assert found == {"data": 13, "home": 13, "node": 13, "written": 13}
    assert "NO SANDBOX: functions have no namespaces of their own" in done.stderr
    (note,) = [one for one in messages if one.startswith("Nightbus: ")]
    assert note.startswith("Nightbus: no namespaces here (")


AS_ANOTHER_USER = """
import os, sys
from nightbus.functions.zygote.isolation import linux, namespaces
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
linux.prctl(linux.PR_SET_DUMPABLE, 1)
maker, reason = namespaces.Maker.start(["/usr/bin/env"], sys.argv[1] == "network")
print(reason or "made")
os._exit(0)
"""


@pytest.mark.parametrize("kind", ["machine", "network"])
def test_a_node_of_a_user_who_is_not_root_has_namespaces_too(layers: dict[str, Any], kind: str) -> None:
    if os.getuid() != 0 or layers["namespaces"] is not True:
        pytest.skip("this test runs as another user where it runs as root")
    folder = Path(seccomp.__file__).parent
    if any(not one.stat().st_mode & 0o005 for one in (folder, *folder.parents)):
        pytest.skip("other users cannot read this source")
    assert run(AS_ANOTHER_USER, kind).stdout.strip() == "made"


def test_each_missing_layer_is_said() -> None:
    assert missing_layers({"namespaces": True, "seccomp": True, "landlock": 0}) == []
    namespaces, calls = missing_layers({"namespaces": "not allowed", "seccomp": False, "landlock": 0})
    assert "(not allowed)" in namespaces
    assert "they see its files" in namespaces
    assert calls == "system calls of functions are not filtered"


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_a_filter_is_whole(machine: str) -> None:
    """Each jump ends within the filter, and its last instruction allows."""
    program = COMPILED(machine)
    instructions = [program[at : at + 8] for at in range(0, len(program), 8)]
    assert len(program) % 8 == 0
    for at, one in enumerate(instructions):
        assert at + 1 + max(one[2], one[3]) < len(instructions) or one[0] == 0x06
    assert int.from_bytes(instructions[-1][4:], sys.byteorder) == 0x7FFF0000


def test_a_machine_whose_system_calls_are_not_known_has_no_filter() -> None:
    assert COMPILED("riscv64") == b""
