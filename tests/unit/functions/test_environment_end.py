"""What is left of an environment when it ends, however it ends? Nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from environment_processes import state_of
from function_rig import OWN_NAMESPACE, Functions, machine_pids, zygote_pid
from nightbus.aws.errors import AwsError
from nightbus.clock import VirtualClock
from nightbus.functions.pool import pool
from nightbus.functions.zygote.isolation.report import examined
from waiting import wait_for

PID = f"import os\ndef handler(event, context): return [{OWN_NAMESPACE}, os.getpid()]"

LEAVES_CHILDREN = f"""
    import os, subprocess, time
    def daemon():
        read, write = os.pipe()
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.setsid()
                os.write(write, str(os.getpid()).encode())
                os.close(write)
                time.sleep(600)
            os._exit(0)
        os.close(write)
        os.wait()
        return int(os.read(read, 20))
    def handler(event, context):
        pids = [{OWN_NAMESPACE}, os.getpid(), subprocess.Popen(["sleep", "600"]).pid, daemon()]
        if event == "exit":
            print("pids", *pids)
            os._exit(1)
        if event == "sleep":
            print("pids", *pids)
            time.sleep(600)
        return pids
"""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


async def all_gone(pids: list[int]) -> None:
    async with asyncio.timeout(20):
        while any(map(alive, pids)):
            await asyncio.sleep(0.01)


async def none_left(seen: list[int]) -> None:
    """No process is in the namespace that a function named, or none has the pids, where it has none of its own."""

    def left() -> bool:
        try:
            return any(map(alive, machine_pids(seen)))
        except KeyError:
            return False

    async with asyncio.timeout(20):
        while left():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("end", ["exit", "sleep"])
async def test_children_end_with_an_environment_that_fails(functions: Functions, end: str) -> None:
    await functions.fail(functions.define(LEAVES_CHILDREN, timeout=1), end)
    (line,) = [message for message in functions.sink.messages if message.startswith("pids")]
    await none_left([int(pid) for pid in line.split()[1:]])


async def test_children_stay_while_their_environment_is_warm_and_end_when_it_retires(
    functions: Functions,
) -> None:
    spec = functions.define(LEAVES_CHILDREN)
    pids = machine_pids(await functions.run(spec)) + machine_pids(await functions.run(spec))
    other = functions.define("import os\ndef handler(event, context): os._exit(1)")
    await functions.fail(other)
    assert all(map(alive, pids))
    await functions.runner.retire(spec.scope, spec.name)
    await all_gone(pids)


async def test_closing_ends_everything_and_waits_for_no_invocation(functions: Functions) -> None:
    pids = machine_pids(await functions.run(functions.define(LEAVES_CHILDREN)))
    busy = asyncio.create_task(functions.invoke(functions.define(LEAVES_CHILDREN, timeout=60), "sleep"))
    while not any(message.startswith("pids") for message in functions.sink.messages):
        await asyncio.sleep(0.01)
    (line,) = [message for message in functions.sink.messages if message.startswith("pids")]
    began = time.monotonic()
    await functions.runner.close()
    assert time.monotonic() - began < 20  # the invocation would have gone on for a minute
    await all_gone(pids)
    await none_left([int(pid) for pid in line.split()[1:]])
    assert (await busy).error == "Unhandled"


async def test_nothing_lies_in_the_folder_of_environments(functions: Functions, tmp_path: Path) -> None:
    """Without namespaces something does: see `test_isolation`."""
    if examined()["namespaces"] is not True:
        pytest.skip("no namespaces here")
    await functions.run(functions.define("def handler(event, context): open('/tmp/x', 'w').write('y')"))
    assert list((tmp_path / "data" / "functions" / "environments").iterdir()) == []


async def test_a_killed_zygote_takes_its_environments_with_it_and_is_replaced(functions: Functions) -> None:
    spec = functions.define(PID)
    (pid,), zygote = machine_pids(await functions.run(spec)), zygote_pid(functions)
    os.kill(zygote, signal.SIGKILL)
    await all_gone([pid, zygote])
    assert machine_pids(await functions.run(spec)) != [pid]
    assert zygote_pid(functions) != zygote


NODE = """
import asyncio, sys, json
from pathlib import Path
from function_rig import OWN_NAMESPACE, Functions, machine_pids, zygote_pid

async def main():
    functions = Functions(Path(sys.argv[1]))
    spec = functions.define(Path(sys.argv[2]).read_text())
    pids = machine_pids(await functions.run(spec))
    print(json.dumps([*pids, zygote_pid(functions)]), flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


def test_kill_9_of_the_node_ends_zygote_environments_and_their_children(tmp_path: Path) -> None:
    code = tmp_path / "code.py"
    code.write_text(LEAVES_CHILDREN)
    tests = Path(__file__).parents[2]
    node = subprocess.Popen(
        [sys.executable, "-c", NODE, str(tmp_path), str(code)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": f"{tests}:{tests.parent / 'src'}"},
    )
    assert node.stdout is not None
    pids = [int(pid) for pid in node.stdout.readline().strip(b"[]\n").split(b",")]
    assert all(map(alive, pids))
    node.kill()
    node.wait()
    node.stdout.close()
    wait_for(lambda: not any(map(alive, pids)))


async def test_idle_environments_end_after_a_while(tmp_path: Path) -> None:
    clock = VirtualClock()
    functions = Functions(tmp_path, clock)
    (pid,) = machine_pids(await functions.run(functions.define(PID)))
    await clock.advance(300)
    assert alive(pid)
    await clock.advance(400)
    await all_gone([pid])
    await functions.runner.close()


async def test_an_environment_is_replaced_before_its_credentials_expire(tmp_path: Path) -> None:
    clock = VirtualClock()
    functions = Functions(tmp_path, clock)
    spec = functions.define(PID)
    pids = []
    for _ in range(12 * 12 + 1):
        pids += machine_pids(await functions.run(spec))
        await clock.advance(300)
    assert len(set(pids)) == 2
    await all_gone(pids[:1])
    await functions.runner.close()


class JumpingClock(VirtualClock):
    def set_forward(self, seconds: int) -> None:
        """Show a later time, of which the monotonic clock knows nothing: as after a machine was suspended."""
        self._start_ms += seconds * 1000


async def test_credentials_that_ended_while_the_machine_slept_are_not_used(tmp_path: Path) -> None:
    clock = JumpingClock()
    functions = Functions(tmp_path, clock)
    spec = functions.define(PID)
    first = machine_pids(await functions.run(spec))
    clock.set_forward(13 * 3600)
    assert machine_pids(await functions.run(spec)) != first
    await functions.runner.close()


async def test_the_one_idle_longest_goes_when_there_are_too_many(
    functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "_MOST", 2)
    first, second, third = (functions.define(PID) for _ in range(3))
    seen = [await functions.run(spec) for spec in (first, second, first, third)]
    await none_left(seen[1])
    assert await functions.run(first) == seen[0] == seen[2]


async def test_more_at_once_than_the_node_runs_is_too_many(
    functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "_MOST", 4)  # half of them for one function alone
    spec = functions.define("import time\ndef handler(event, context): time.sleep(0.5)")
    results = await asyncio.gather(*(functions.run(spec) for _ in range(3)), return_exceptions=True)
    refused = [result for result in results if result is not None]
    assert len(refused) == 1
    assert isinstance(refused[0], AwsError)
    assert (refused[0].code, refused[0].message, refused[0].status) == (
        "TooManyRequestsException", "Rate Exceeded.", 429,
    )  # fmt: skip
    assert refused[0].fields["Reason"] == "ConcurrentInvocationLimitExceeded"


async def test_a_function_whose_invocations_do_not_end_leaves_room_for_others(
    functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "_MOST", 8)
    slow = functions.define(
        "import time\ndef handler(event, context): time.sleep(60)", timeout=60, name="slow"
    )
    running = [asyncio.create_task(functions.run(slow)) for _ in range(20)]
    async with asyncio.timeout(20):
        while sum(task.done() for task in running) < 16:
            await asyncio.sleep(0.01)
    quick = functions.define(PID, name="quick")
    assert await functions.run(quick) is not None
    refused = [task.exception() for task in running if task.done()]
    assert len(refused) == 16 and all(isinstance(one, AwsError) for one in refused)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def test_an_invocation_ends_in_time_where_the_runtime_lost_its_connection(tmp_path: Path) -> None:
    """It was asking for work, so that it counted as free; now it neither asks again nor exits."""
    functions = Functions(tmp_path)
    spec = functions.define(PID, timeout=1)
    try:
        (pid,) = machine_pids(await functions.run(spec, {}))
        ((environment,),) = functions.runner._pool._idle.values()
        async with asyncio.timeout(10):
            while environment._api._asking is None:
                await asyncio.sleep(0.01)
        environment._watch.stop()  # else it would be frozen soon, and an invocation would thaw it
        environment._process.thaw()
        os.kill(pid, signal.SIGSTOP)
        environment._api._asking.close()
        async with asyncio.timeout(10):
            while environment._api._asking is not None:
                await asyncio.sleep(0.01)
        async with asyncio.timeout(10):
            result = await functions.invoke(spec, {})
        assert result.error == "Unhandled"
        assert b"Task timed out after 1.00 seconds" in result.payload
        await all_gone([pid])
    finally:
        await functions.runner.close()


async def test_a_stopped_zygote_goes_on(tmp_path: Path) -> None:
    """All functions of an interpreter have one parent, which starts the environments of all; without namespaces one
    could stop it."""
    functions = Functions(tmp_path)
    try:
        await functions.run(functions.define(PID))
        parent = zygote_pid(functions)
        os.kill(parent, signal.SIGSTOP)
        async with asyncio.timeout(10):
            while state_of(parent) != "T":  # a signal that was sent takes effect when its process would run
                await asyncio.sleep(0.001)
        async with asyncio.timeout(60):
            assert await functions.run(functions.define("def handler(event, context): return 1"), {}) == 1
        assert state_of(parent) != "T"
    finally:
        await functions.runner.close()


ASKS_NO_MORE = """#!/bin/sh
exec /usr/bin/env python3 -c '
import json, os, time, urllib.request as http
base = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
with http.urlopen(base + "next") as reply:
    id = reply.headers["Lambda-Runtime-Aws-Request-Id"]
answer = [os.stat("/proc/self/ns/pid").st_ino, os.getpid()]
http.urlopen(base + id + "/response", json.dumps(answer).encode()).close()
time.sleep(600)
'
"""


async def test_a_runtime_that_asks_no_more_ends_at_its_time_limit(functions: Functions) -> None:
    """What it does after its answer belongs to the invocation, as on AWS, and may take no longer."""
    digest = functions.package({"bootstrap": ASKS_NO_MORE}, 0o755)
    spec = functions.define("", code_digest=digest, runtime="provided.al2023", timeout=3)
    seen = await functions.run(spec)
    (pid,) = machine_pids(seen)
    async with asyncio.timeout(60):
        while state_of(pid) not in "ZX":
            await asyncio.sleep(0.01)
