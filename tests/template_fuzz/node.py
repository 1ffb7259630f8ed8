"""Runs a whole node in this process over a store in memory, without threads, HTTP or waits.

What goes wrong inside shows in two ways: an operation raises something other than an AwsError, or the node logs an
error. Both are collected in `failures`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import traceback
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar
from unittest import mock

from memory_store import MemoryCluster, MemoryStore
from nightbus.aws.calls import Call, Caller, Scope
from nightbus.aws.errors import AwsError
from nightbus.node import storage
from nightbus.node.node import Node

ENDPOINT = "http://127.0.0.1:1"
REGION = "us-east-1"
LONGEST_SECONDS = 600.0  # of an operation, or a stack's way to rest; only what hangs takes so long
T = TypeVar("T")


class _AtOnce(ThreadPoolExecutor):
    """Runs what is submitted in the caller's thread: a change of threads takes longer than reading a template."""

    def submit(self, function: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        done: Future[T] = Future()
        try:
            done.set_result(function(*args, **kwargs))
        except BaseException as error:
            done.set_exception(error)
        return done


class _Failures(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        trace = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""
        self.texts.append(f"{record.name}: {record.getMessage()}\n{trace}")


class FuzzNode:
    """`call` raises AwsError; everything else that an operation raises is a failure, and raised as it is."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.loop.set_default_executor(_AtOnce(1))
        self.cluster = MemoryCluster()
        self._failures = _Failures()
        self._account = 100_000_000_000
        self.scope = Scope("", REGION)

    def open(self) -> None:
        logging.getLogger("nightbus").addHandler(self._failures)
        logging.getLogger("asyncio").addHandler(self._failures)
        cluster = self.cluster

        class InMemory(MemoryStore):
            @classmethod
            def open(cls, *args: Any, **more: Any) -> MemoryStore:
                return cls(cluster, args[1], slow=False)

        self.node = Node(None, ENDPOINT)
        with mock.patch.object(storage, "SqliteStore", InMemory):
            self.loop.run_until_complete(self.node.start())

        async def begin() -> None:
            self.node.start_background_work()

        self.loop.run_until_complete(begin())

    def close(self) -> None:
        self.loop.run_until_complete(self.node.stop())
        self.loop.close()
        for name in ("nightbus", "asyncio"):
            logging.getLogger(name).removeHandler(self._failures)

    def new_account(self) -> None:
        """Go on in an account that has nothing, and forget what was in the former one."""
        former = self.scope.account
        kept: Sequence[dict[Any, Any]] = (self.cluster.records, self.cluster.logs, self.cluster.keys)
        for values in kept:
            for key in [key for key in values if key[0].account == former]:
                del values[key]
        self._account += 1
        self.scope = Scope(str(self._account), REGION)

    def call(self, operation: str, service: str = "cloudformation", **params: Any) -> dict[str, Any]:
        return self.run(self._call(service, operation, params))

    async def _call(self, service: str, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        call = Call(self.scope, Caller.root(self.scope.account), ENDPOINT)
        return await self.node.platform.operations.call(service, operation, params, call)

    def settle(self, stack_id: str, seconds: float = LONGEST_SECONDS) -> bool:
        """Wait until the stack rests, and return whether it does."""

        async def settled() -> bool:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.node.stacks.settled(self.scope, stack_id), seconds)
                return True
            return False

        return self.run(settled())

    def run(self, awaited: Coroutine[Any, Any, T]) -> T:
        try:
            return self.loop.run_until_complete(asyncio.wait_for(awaited, LONGEST_SECONDS))
        finally:
            self._raise_failures()

    def _raise_failures(self) -> None:
        found, self._failures.texts = self._failures.texts, []
        if found:
            raise AssertionError("the node logged an error:\n" + "\n".join(found))


def is_refusal(error: AwsError) -> bool:
    """Return whether the error is one that CloudFormation answers to a template, and no failure of the node."""
    return error.code in ("ValidationError", "InsufficientCapabilitiesException", "NotImplementedException")
