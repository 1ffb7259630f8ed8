"""How long do a warm invocation and a cold start take, in this process, with real environments?

Run: python bench/functions.py [invocations]
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from function_rig import Functions
from nightbus.functions.interface import FunctionSpec

PLAIN = "def handler(event, context): return event"
LOGGING = "def handler(event, context):\n for n in range(10): print('line', n)\n return event"
BOTO3 = "import boto3\nclient = boto3.client('events')\ndef handler(event, context): return event"


async def main(invocations: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        functions = Functions(Path(folder))
        try:
            await _measure(functions, invocations)
        finally:
            began = time.perf_counter()
            await functions.runner.close()
            print(f"{'close':34}{(time.perf_counter() - began) * 1000:9.2f} ms")


async def _measure(functions: Functions, invocations: int) -> None:
    plain, logging = functions.define(PLAIN), functions.define(LOGGING)
    boto3 = functions.define(BOTO3, memory=256)
    await _report("first of all (zygote starts)", lambda _: functions.invoke(plain), 1)
    await _report("warm", lambda _: functions.invoke(plain), invocations)
    await functions.invoke(logging)
    await _report("warm, ten lines of log", lambda _: functions.invoke(logging), invocations)
    colds = max(10, invocations // 50)
    await _report("cold", lambda n: functions.invoke(_fresh(plain, n)), colds)
    await _report("cold, a boto3 client", lambda n: functions.invoke(_fresh(boto3, n)), colds)


def _fresh(spec: FunctionSpec, number: int) -> FunctionSpec:
    return replace(spec, revision=f"{spec.revision}-{number}")


async def _report(name: str, once: Callable[[int], Awaitable[object]], times: int) -> None:
    took = []
    for number in range(times):
        began = time.perf_counter()
        await once(number)
        took.append((time.perf_counter() - began) * 1000)
    took.sort()
    print(f"{name:34}{took[times // 2]:9.2f} ms p50{took[times * 99 // 100]:9.2f} ms p99   n={times}")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000))
