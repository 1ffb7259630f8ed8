"""Between invocations nothing of an environment runs, whatever the function left running; in the next one all goes on.

Each test is done with signals to the whole namespace, and with signals to each process, as without namespaces.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from typing import Any

import pytest

from environment_processes import of_namespace, state_of
from function_rig import OWN_NAMESPACE, Functions, machine_pids
from nightbus.functions import limit_watch, process
from nightbus.functions.freezing import TreeFreezer
from nightbus.functions.process_tree import threads_wait
from nightbus.functions.runtime_api.response_stream import ResponseStream

PROGRAM = """
import sys, time
while True:
    with open(sys.argv[1], "a") as file:
        file.write(str(time.monotonic()) + chr(10))
    time.sleep(0.005)
"""
# Everything writes into /tmp when it did something last: `ticks` says where it did so between two moments.
TICKS = f"""
    import glob, os, subprocess, sys, threading, time
    PROGRAM = {PROGRAM!r}
    def tick(name):
        while True:
            with open(path(name), "a") as file:
                file.write(str(time.monotonic()) + chr(10))
            time.sleep(0.005)
    def path(name):
        return os.environ.get("TMPDIR", "/tmp") + "/ticks-" + name
    def daemon(name):
        read, write = os.pipe()
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.setsid()
                os.write(write, str(os.getpid()).encode())
                tick(name)
            os._exit(0)
        os.wait()
        return int(os.read(read, 20))
    def ticks(began, ended):
        found = {{}}
        for file in glob.glob(path("*")):
            with open(file) as lines:
                moments = [float(line) for line in lines if line.endswith(chr(10))]
            found[file.rpartition("-")[2]] = sum(began < one < ended for one in moments)
        return found
    pids = []
    def handler(event, context):
        if not pids:
            threading.Thread(target=tick, args=("thread",), daemon=True).start()
            pids.append(os.getpid())
            pids.append(subprocess.Popen([sys.executable, "-c", PROGRAM, path("child")]).pid)
            pids.append(daemon("daemon"))
        if event:
            now = time.monotonic()
            while not all(ticks(now, now + 60).values()):
                time.sleep(0.005)
            return [ticks(*event), {OWN_NAMESPACE}, *pids]
        return [{{}}, {OWN_NAMESPACE}, *pids]
"""


@pytest.fixture(params=["namespaces", "tree"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "tree":
        monkeypatch.setattr(process, "freezer", lambda pid, init, link: TreeFreezer(pid))
    return str(request.param)


async def frozen(pids: list[int]) -> None:
    async with asyncio.timeout(60):
        while any(state_of(pid) != "T" for pid in pids):
            await asyncio.sleep(0.01)


async def test_threads_children_and_daemons_stand_still_between_invocations(
    functions: Functions, way: str
) -> None:
    spec = functions.define(TICKS)
    for _ in range(2):
        _, *seen = await functions.run(spec)
        pids = machine_pids(seen)
        assert len(pids) == 3
        await frozen(pids)
        began = time.monotonic()
        while time.monotonic() < began + 0.2:
            await asyncio.sleep(0.01)
        ended = time.monotonic()
        meanwhile, *again = await functions.run(spec, [began, ended])
        assert meanwhile == {"thread": 0, "child": 0, "daemon": 0}
        assert again == seen


async def test_what_goes_on_nonetheless_is_stopped_again(
    functions: Functions, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where processes that do nothing but send SIGCONT to each other have escaped the freeze."""
    monkeypatch.setattr(limit_watch, "_LOOKS_WHEN_FROZEN", 1_000_000)
    spec = functions.define(TICKS)
    _, *seen = await functions.run(spec)
    pids = machine_pids(seen)
    for pid in pids:
        await frozen(pids)
        while state_of(pid) == "T":
            os.kill(pid, signal.SIGCONT)
    await frozen(pids)
    now = time.monotonic()
    _, *again = await functions.run(spec, [now, now])
    assert again == seen


FORKS = f"""
    import os, time
    def fork():
        while True:
            pid = os.fork()
            if pid == 0:
                os._exit(0)
            os.waitpid(pid, 0)
    def hop():
        while True:
            if os.fork():
                os._exit(0)
            os.setsid()
    began = False
    def handler(event, context):
        global began
        for forever in [] if began else [fork, hop] if event else [fork, fork]:
            if os.fork() == 0:
                forever()
        began = True
        return {OWN_NAMESPACE}
"""


async def test_what_forks_all_the_time_is_caught(functions: Functions, way: str) -> None:
    """Of those that end when they have forked their successor the node sees none in time: only a signal to the whole
    namespace stops these."""
    spec = functions.define(FORKS)
    hops = way == "namespaces"
    namespace = await functions.run(spec, hops)

    def states() -> list[str]:
        return [state_of(pid) for pid in of_namespace(namespace)]

    for _ in range(3):
        async with asyncio.timeout(60):
            while not (found := states()) or any(one != "T" for one in found if one not in "ZX"):
                await asyncio.sleep(0.01)
        before = of_namespace(namespace)
        assert len(before) >= 3
        await asyncio.sleep(0.05)
        assert of_namespace(namespace) == before
        assert await functions.run(spec, hops) == namespace


JAVASCRIPT = """
const fs = require('fs'), moments = [];
setInterval(() => moments.push(Number(process.hrtime.bigint()) / 1e9), 5);
exports.handler = async (event) => {
  const [began, ended] = event || [0, 0], count = moments.length;
  while (moments.length === count) await new Promise((resolve) => setTimeout(resolve, 5));
  const meanwhile = moments.filter((one) => began < one && one < ended).length;
  return [meanwhile, fs.statSync('/proc/self/ns/pid').ino, process.pid];
};
"""


async def test_a_timer_of_nodejs_stands_still(functions: Functions, way: str) -> None:
    spec = functions.define(
        "",
        {"index.js": JAVASCRIPT},
        runtime="nodejs20.x",
        handler="index.handler",
        timeout=20,
        memory=256,
    )
    _, *seen = await functions.run(spec)
    await frozen(machine_pids(seen))
    began = time.monotonic()
    while time.monotonic() < began + 0.2:
        await asyncio.sleep(0.01)
    assert await functions.run(spec, [began, time.monotonic()]) == [0, *seen]


PROVIDED = """#!/bin/sh
exec /usr/bin/env python3 -c '
import json, os, urllib.request as http
base = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    with http.urlopen(base + "next") as reply:
        id = reply.headers["Lambda-Runtime-Aws-Request-Id"]
    answer = [os.stat("/proc/self/ns/pid").st_ino, os.getpid()]
    http.urlopen(base + id + "/response", json.dumps(answer).encode()).close()
'
"""


async def test_a_program_that_opens_connections_is_frozen_and_goes_on(functions: Functions, way: str) -> None:
    digest = functions.package({"bootstrap": PROVIDED}, 0o755)
    spec = functions.define("", code_digest=digest, runtime="provided.al2023", timeout=20)
    seen = await functions.run(spec)
    for _ in range(3):
        await frozen(machine_pids(seen))
        assert await functions.run(spec) == seen


async def test_an_environment_is_frozen_and_thawed_at_any_moment(functions: Functions, way: str) -> None:
    """Invocations at pauses around the time after which it is frozen: each is answered, by the same environment."""
    chosen = random.Random(1)
    spec = functions.define(
        f"import os\nn = 0\ndef handler(e, c):\n    global n\n    n += 1\n    return [e, n, {OWN_NAMESPACE}]"
    )
    _, _, namespace = await functions.run(spec, 0)
    ((environment,),) = functions.runner._pool._idle.values()
    thaws = 0
    for number in range(1, 60):
        await asyncio.sleep(chosen.uniform(0.0, 0.25))
        thaws += environment.is_frozen
        async with asyncio.timeout(30):
            assert await functions.run(spec, number) == [number, number + 1, namespace]
    assert thaws > 0


async def test_many_environments_are_frozen_and_thawed_at_once(functions: Functions, way: str) -> None:
    chosen = random.Random(2)
    spec = functions.define("def handler(event, context): return event", timeout=30)

    async def caller(offset: int) -> None:
        for number in range(offset, offset + 15):
            await asyncio.sleep(chosen.uniform(0.0, 0.3))
            assert await functions.run(spec, number) == number

    async with asyncio.timeout(120):
        await asyncio.gather(*(caller(100 * one) for one in range(6)))


async def test_a_long_stream_is_not_cut_by_a_freeze(functions: Functions, way: str) -> None:
    code = """
    exports.handler = awslambda.streamifyResponse(async (event, stream) => {
      for (let one = 0; one < 5; one++) {
        stream.write(String(one));
        await new Promise((resolve) => setTimeout(resolve, 150));
      }
      stream.end();
    });
    """
    spec = functions.define(
        "", {"index.js": code}, runtime="nodejs20.x", handler="index.handler", timeout=30, memory=256
    )
    for _ in range(2):
        stream = ResponseStream()
        options: dict[str, Any] = {"request_id": "r", "invoked_arn": spec.arn, "stream": stream}
        running = asyncio.create_task(functions.runner.invoke(spec, b"null", **options))
        running.add_done_callback(lambda _, ended=stream: ended.finish())  # type: ignore[misc]
        async with asyncio.timeout(60):
            assert b"".join([chunk async for chunk in stream.chunks()]) == b"01234"
            await running
        ((environment,),) = functions.runner._pool._idle.values()
        async with asyncio.timeout(60):
            while not environment.is_frozen:
                await asyncio.sleep(0.01)


async def test_a_frozen_environment_ends_with_its_function(functions: Functions, way: str) -> None:
    spec = functions.define(TICKS)
    _, *seen = await functions.run(spec)
    pids = machine_pids(seen)
    await frozen(pids)
    await functions.runner.retire(spec.scope, spec.name)
    async with asyncio.timeout(60):
        while any(state_of(pid) not in "ZX" for pid in pids):
            await asyncio.sleep(0.01)


async def test_a_signal_after_the_freeze_reaches_the_first_thread(functions: Functions, way: str) -> None:
    """Which handles it in Python; its other threads wait in a system call as it does."""
    spec = functions.define(
        f"""
        import os, signal, socket, sys, threading
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
        ours, theirs = socket.socketpair()
        for _ in range(8):
            threading.Thread(target=ours.recv, args=(1,), daemon=True).start()
        def handler(event, context):
            return [{OWN_NAMESPACE}, os.getpid()]
        """
    )
    await frozen(machine_pids(await functions.run(spec)))
    ((environment,),) = functions.runner._pool._idle.values()
    await environment._process.terminate()
    async with asyncio.timeout(30):
        assert await environment._process.exit == 7 << 8


async def test_the_threads_of_a_frozen_runtime_with_an_extension_wait_before_its_signal(
    functions: Functions, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[int] = []

    def look(pid: int) -> bool:
        looked_at.append(pid)
        return threads_wait(pid)

    monkeypatch.setattr(process, "threads_wait", look)
    spec = functions.define(
        f"""
        import os, threading, urllib.request as http
        def call(path, headers, data=None):
            address = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2020-01-01/extension/" + path
            return http.urlopen(http.Request(address, data, headers))
        made = call("register", {{"Lambda-Extension-Name": "inside"}}, b'{{"events": []}}')
        own = {{"Lambda-Extension-Identifier": made.headers["Lambda-Extension-Identifier"]}}
        threading.Thread(target=call, args=("event/next", own), daemon=True).start()
        def handler(event, context):
            return [{OWN_NAMESPACE}, os.getpid()]
        """
    )
    await frozen(machine_pids(await functions.run(spec)))
    ((environment,),) = functions.runner._pool._idle.values()
    await functions.runner.retire(spec.scope, spec.name)
    async with asyncio.timeout(60):
        await environment._process.gone
    assert environment._process.pid in looked_at
