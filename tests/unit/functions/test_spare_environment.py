"""Tests that an environment whose process was forked before it was asked for is as any other one."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from function_rig import Functions, zygote_pid
from nightbus.functions.interface import FunctionSpec
from nightbus.functions.zygote.isolation.report import examined

WAIT_SECONDS = 60.0
WORLD = """
import os, random, resource, signal, sys

def mounts():
    with open("/proc/self/mountinfo") as file:
        for line in file:
            before, _, after = line.partition(" - ")
            yield " ".join(before.split()[3:6]), after.split()[0]

def status():
    with open("/proc/self/status") as file:
        fields = dict(line.split(":\\t", 1) for line in file)
    names = ("Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp")
    return {name: fields[name] for name in (*names, "Seccomp_filters", "SigBlk", "SigIgn", "SigCgt", "NSpid")}

def processes():
    return sorted(name for name in os.listdir("/proc") if name.isdigit())

def handler(event, context):
    kinds = ("user", "pid", "mnt", "ipc", "uts", "net")
    variables = {name for name, value in os.environ.items()}
    return {
        "files": sorted(os.listdir("/")) + sorted(os.listdir("/tmp")) + sorted(os.listdir("/var/task")),
        "mounts": sorted(mounts()),
        "status": status(),
        "processes": len(processes()),
        "limits": [resource.getrlimit(number) for number in range(16)],
        "variables": sorted(variables),
        "descriptors": sorted(os.readlink(f"/proc/self/fd/{name}").split(":")[0] for name in os.listdir("/proc/self/fd")
                              if os.path.exists(f"/proc/self/fd/{name}")),
        "path": sys.path, "modules": sorted(sys.modules), "argv": sys.argv, "cwd": os.getcwd(),
        "session": os.getsid(0) == os.getpid(), "parent": os.getppid(), "oom": open("/proc/self/oom_score_adj").read(),
        "host": os.uname().nodename,
    }, {
        "namespaces": [os.stat(f"/proc/self/ns/{kind}").st_ino for kind in kinds[:5]],
        "random": random.random(),
        "pid": os.getpid(),
    }
"""


@pytest.fixture(autouse=True)
def namespaces() -> None:
    if examined()["namespaces"] is not True:
        pytest.skip("no namespaces here, and so no process is forked ahead")


async def spare_pid(functions: Functions) -> int:
    """The process that the zygote has forked ahead, once it waits in its namespaces."""
    zygote, known = zygote_pid(functions), {one._process.pid for one in environments(functions)}
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        for child in children_of(zygote):
            if child not in known and number_in_namespace(child) > 1 and is_filtered(child):
                return child
        await asyncio.sleep(0.01)
    pytest.fail("no process was forked ahead")


async def kill(pid: int) -> None:
    """Return once it has ended, whether its parent knows that or not."""
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + WAIT_SECONDS
    while field(pid, "State").split()[:1] not in ([], ["Z"]):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.001)


def environments(functions: Functions) -> list[Any]:
    return [one for idle in functions.runner._pool._idle.values() for one in idle]


def children_of(pid: int) -> list[int]:
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def number_in_namespace(pid: int) -> int:
    """1 for an init process, 0 for a process in no namespace of its own, or none any more."""
    found = field(pid, "NSpid").split()
    return int(found[-1]) if len(found) == 2 else 0


def is_filtered(pid: int) -> bool:
    return field(pid, "Seccomp").strip() == "2"


def field(pid: int, name: str) -> str:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return ""
    return next((line.split(":", 1)[1] for line in lines if line.startswith(f"{name}:")), "")


def another(spec: FunctionSpec) -> FunctionSpec:
    """The same function after a change, so that it runs in a new environment."""
    return replace(spec, revision=f"{spec.revision}-{time.monotonic_ns()}")


async def test_it_is_in_no_way_another_one(tmp_path: Path) -> None:
    functions = Functions(tmp_path)
    try:
        spec = functions.define(WORLD)
        await functions.run(spec, {})  # compiles the module
        await kill(await spare_pid(functions))
        world, own = await functions.run(another(spec), {})  # not forked ahead
        spare = await spare_pid(functions)
        again, own_again = await functions.run(another(spec), {})
        assert environments(functions)[-1]._process.pid == spare
        assert again == world
        assert not set(own["namespaces"]) & set(own_again["namespaces"])
        assert own["random"] != own_again["random"]
    finally:
        await functions.runner.close()


async def test_one_that_was_killed_is_not_waited_for(tmp_path: Path) -> None:
    functions = Functions(tmp_path)
    try:
        spec = functions.define("def handler(event, context): return event")
        await functions.run(spec, 1)
        for count in range(3):
            await kill(await spare_pid(functions))
            assert await functions.run(another(spec), count) == count
    finally:
        await functions.runner.close()


OF_ANOTHER = "of-another-function"
MEMORY = """
def handler(event, context):
    wanted, found = bytes(number ^ 1 for number in event), 0
    with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
        for line in maps:
            extent, mode, *rest = line.split()
            if mode.startswith("rw") and not rest[-1].startswith("[v"):
                first, end = (int(text, 16) for text in extent.split("-"))
                memory.seek(first)
                between = memory.read(end - first).split(wanted)[1:-1]
                found += sum(not text for text in between)
    return found
"""


async def test_no_variable_of_another_function_is_in_its_memory(tmp_path: Path) -> None:
    """Also not in what was freed: the lengths are several, since freed memory is used again by length. A text is
    found where it stands twice in a row, which what is looked for itself does not."""
    secrets = {f"SECRET{count}": OF_ANOTHER * count for count in (2, 3, 5, 10, 20, 50)}
    looked_for = [byte ^ 1 for byte in OF_ANOTHER.encode()]
    functions = Functions(tmp_path)
    try:
        own = functions.define(MEMORY, environment=secrets)
        assert await functions.run(own, looked_for) >= len(secrets)
        spare = await spare_pid(functions)
        found = await functions.run(functions.define(MEMORY, name="g"), looked_for)
        assert spare in [one._process.pid for one in environments(functions)]
        await kill(await spare_pid(functions))
        without = await functions.run(functions.define(MEMORY, name="h"), looked_for)  # not forked ahead
        assert (found, without) == (0, 0)
    finally:
        await functions.runner.close()
