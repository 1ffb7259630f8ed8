"""What does a function's log hold, and in which order?"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path

from function_rig import OWN_NAMESPACE, Functions, machine_pids
from nightbus.aws.calls import Scope
from nightbus.functions.interface import LogPart
from nightbus.store.interface import Change

WORDS = """
    import logging, os, subprocess, sys
    def handler(event, context):
        print("one")
        logging.getLogger().warning("two\\nlines")
        print("three", file=sys.stderr)
        subprocess.run(["echo", "four"])
        print("five", end="")
        logging.getLogger().error("six")
        sys.stdout.buffer.write("sevén\\n".encode())
        sys.stdout.flush()
        print()
        print("åZ", "\\x00", "no end", end="")
"""


async def test_lines_are_aws_s_in_the_order_in_which_they_were_written(functions: Functions) -> None:
    result = await functions.invoke(functions.define(WORDS), request_id="the-id")
    messages = [re.sub(r"\t20[0-9T:.-]+Z\t", "\tTIME\t", message) for message in functions.sink.messages]
    report = messages.pop()
    assert messages.pop(0).startswith("INIT_START Runtime Version: python:3.")
    assert messages == [
        "START RequestId: the-id Version: $LATEST\n",
        "one\n",
        "[WARNING]\tTIME\tthe-id\ttwo\nlines\n",
        "three\n",
        "four\n",
        "five",
        "[ERROR]\tTIME\tthe-id\tsix\n",
        "sevén\n",
        "\n",
        "åZ \x00 no end",
        "END RequestId: the-id\n",
    ]
    assert re.fullmatch(
        r"REPORT RequestId: the-id\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\tMemory Size: 128 MB\t"
        r"Max Memory Used: \d+ MB\tInit Duration: \d+\.\d\d ms\t\n",
        report,
    )
    assert result.log_tail.decode().endswith("no end\nEND RequestId: the-id\n" + report)


async def test_group_and_stream(functions: Functions) -> None:
    first = await functions.invoke(functions.define("def handler(event, context): pass"))
    spec = functions.define("def handler(event, context): pass", log_group="/mine", version="7")
    second = await functions.invoke(spec)
    assert list(functions.sink.lines) == [f"/aws/lambda/f/{first.log_stream}", f"/mine/{second.log_stream}"]
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", first.log_stream)
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/f\[7\][0-9a-f]{32}", second.log_stream)


async def test_an_invocation_is_one_write_and_there_before_its_answer(functions: Functions) -> None:
    spec = functions.define("def handler(event, context):\n for n in range(100): print(n)")
    await functions.invoke(spec)
    for count in range(2, 5):
        before = functions.sink.writes
        await functions.invoke(spec)
        assert sum("END" in message for message in functions.sink.messages) == count
        assert functions.sink.writes == before + 1


async def test_only_a_cold_start_reports_its_init_duration(functions: Functions) -> None:
    spec = functions.define("def handler(event, context): pass")
    tails = [(await functions.invoke(spec)).log_tail.decode() for _ in range(2)]
    assert ["Init Duration" in tail for tail in tails] == [True, False]


async def test_what_the_start_prints_comes_before_the_first_invocation(functions: Functions) -> None:
    await functions.invoke(
        functions.define("print('starting')\ndef handler(event, context): print('running')")
    )
    assert [message.split()[0] for message in functions.sink.messages] == [
        "INIT_START", "starting", "START", "running", "END", "REPORT",
    ]  # fmt: skip


async def test_lines_of_a_long_invocation_appear_while_it_runs(functions: Functions) -> None:
    code = f"""
        import os, time
        def handler(event, context):
            print("begun", {OWN_NAMESPACE}, os.getpid())
            while not os.path.exists("/tmp/go"):
                time.sleep(0.01)
    """
    running = asyncio.create_task(functions.run(functions.define(code, timeout=30)))
    async with asyncio.timeout(20):
        while not (begun := [one for one in functions.sink.messages if one.startswith("begun")]):
            await asyncio.sleep(0.01)
    assert not running.done()
    (pid,) = machine_pids([int(word) for word in begun[0].split()[1:]])
    Path(f"/proc/{pid}/root/tmp/go").touch()
    await running


async def test_the_tail_is_the_last_four_kilobytes_of_this_invocation(functions: Functions) -> None:
    spec = functions.define(
        "def handler(event, context):\n for n in range(event): print('line', n, '€' * 100)"
    )
    result = await functions.invoke(spec, 200)
    assert len(result.log_tail) == 4096
    assert b"line 199 " in result.log_tail
    again = await functions.invoke(spec, 1)
    assert again.log_tail.count(b"line") == 1


async def test_one_that_prints_for_ever_is_stopped_by_its_timeout(functions: Functions) -> None:
    spec = functions.define("def handler(event, context):\n while True: print('x' * 1000)", timeout=3)
    other = functions.define("def handler(event, context): return 'quick'")
    await functions.run(other)
    spamming = asyncio.create_task(functions.invoke(spec))
    answered = 0
    while not spamming.done():
        await functions.run(other)
        answered += 1
    assert b"Sandbox.Timedout" in spamming.result().payload
    assert answered >= 2  # a hundred on a quiet machine


async def test_what_an_invocation_logs_is_bounded(functions: Functions) -> None:
    spec = functions.define(
        "def handler(event, context):\n for n in range(20_000): print('x' * 1000)", timeout=120
    )
    await functions.run(spec)
    logged = sum(len(message) for message in functions.sink.messages if message.startswith("x"))
    assert logged < 18 * 1024 * 1024
    assert "Nightbus: this invocation has logged 16 MB; the rest is dropped.\n" in functions.sink.messages


async def test_very_long_lines_and_messages_come_in_pieces(functions: Functions) -> None:
    code = """
        import logging
        def handler(event, context):
            print("x" * 600_000)
            logging.getLogger().error("y" * 600_000)
            print("after")
    """
    await functions.invoke(functions.define(code))
    lengths = [len(message) for message in functions.sink.messages[2:-2]]
    assert lengths == [262_144, 262_144, 600_001 - 2 * 262_144, 262_144, 6]
    assert functions.sink.messages[-3] == "after\n"


async def test_something_left_running_that_prints_for_ever_stalls_nobody(functions: Functions) -> None:
    code = """
        import subprocess
        def handler(event, context):
            subprocess.Popen(["yes"])
            return "done"
    """
    spec = functions.define(code)
    assert [await functions.run(spec) for _ in range(3)] == ["done"] * 3


async def test_the_last_lines_wait_for_those_that_are_being_written(functions: Functions) -> None:
    """A caller that writes them with its own commit would be before the others else, or write them alone."""
    write = functions.sink.write
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def slowly(scope: Scope, part: LogPart, also: Sequence[Change] = ()) -> None:
        begun.set()
        await may_end.wait()
        await write(scope, part, also)

    functions.sink.write = slowly  # type: ignore[method-assign]
    code = """
        import time
        def handler(event, context):
            print("first")
            time.sleep(0.5)
            print("last")
    """
    invocation = asyncio.create_task(functions.invoke(functions.define(code), log_with_result=True))
    await asyncio.wait_for(begun.wait(), 10)
    await asyncio.sleep(1.0)
    assert not invocation.done()
    may_end.set()
    result = await asyncio.wait_for(invocation, 10)
    assert result.unwritten is not None
    written = functions.sink.messages
    rest = [line.message for line in result.unwritten.lines]
    assert "first\n" in written
    assert [line for line in [*written, *rest] if line in ("first\n", "last\n")] == ["first\n", "last\n"]
