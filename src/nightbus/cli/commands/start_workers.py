"""Runs a node's workers: what each process does, and what is said when all of them answer."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from typing import Protocol

from nightbus.cli.errors import CommandFailed
from nightbus.cli.log_lines import OneLine
from nightbus.cli.worker_processes import STOPPED, WorkerFailed, WorkerProcesses
from nightbus.node.node import Node
from nightbus.node.operator_key import write_operator_key
from nightbus.node.settings import Settings
from nightbus.node.workers import ConnectionCounts, Worker
from nightbus.store.folder import FolderInUse, FolderLock


class RunNode(Protocol):
    def __call__(
        self,
        settings: Settings,
        listener: socket.socket,
        ready: Callable[[Node], None],
        worker: Worker | None = None,
    ) -> None: ...


def run_workers(
    settings: Settings, listener: socket.socket, greeting: Callable[[Node], str], run_node: RunNode
) -> None:
    """Run them until a signal stops this process, or all are drained. Raises CommandFailed."""
    try:
        lock = FolderLock.acquire(settings.data)
    except (FolderInUse, OSError) as failure:
        raise CommandFailed(str(failure)) from failure
    counts, operator_key = ConnectionCounts(settings.workers), write_operator_key(settings.data)

    def work(number: int, lifeline: int, ready: Callable[[str], None]) -> int:
        lock.release()  # the supervising process keeps it
        for handler in logging.getLogger().handlers:
            handler.setFormatter(OneLine(number))
        nodes: list[Node] = []

        def answers(node: Node) -> None:
            nodes.append(node)
            ready(greeting(node) if number == 1 else "")

        try:
            run_node(settings, listener, answers, Worker(number, counts, operator_key, lifeline))
        except CommandFailed as failure:
            raise WorkerFailed(str(failure)) from failure
        return 0 if nodes and nodes[0].draining.has_begun else STOPPED

    def all_ready(text: str) -> None:
        lock.announce(settings.port)
        print(text, flush=True)

    try:
        WorkerProcesses(settings.workers, work, counts.absent).run(all_ready)
    except WorkerFailed as failure:
        raise CommandFailed(str(failure)) from failure
    finally:
        lock.release()
