"""A primary with a synchronous standby, and nodes on it as processes, each behind a gate of its own."""

from __future__ import annotations

import itertools
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from cluster import platform
from cluster.gates import Gate, Gates

from nodes import RunningNode
from postgres_server import PASSWORD, USER, PostgresServer, postgres_server, start_server, start_standby
from waiting import wait_for

DATABASE = "cluster"
_NO_VARIABLES: Mapping[str, str] = {}
_SETTINGS = {
    "wal_level": "replica",
    "deadlock_timeout": "100ms",
    "wal_receiver_status_interval": "1s",
    "log_min_messages": "warning",
}
_WAIT_FOR = "ALTER SYSTEM SET synchronous_standby_names = '{}'"


class ReplicatedServer:
    """`primary` confirms a commit when `standby` has it on its disk, too. With `small_disk`, a folder where the tables
    are, there is no standby."""

    def __init__(self, small_disk: Path | None = None) -> None:
        postgres_server()  # skips where there is none
        self.primary = self.standby = start_server(**_SETTINGS)
        self._count = 0
        self._dead: list[PostgresServer] = []
        if small_disk is None:
            self.primary.execute(f"CREATE DATABASE {DATABASE}")
            self.standby = self._new_standby()
        else:
            owner = (self.primary.folder / "data").stat()
            os.chown(small_disk, owner.st_uid, owner.st_gid)
            self.primary.execute(f"CREATE TABLESPACE small LOCATION '{small_disk}'")
            self.primary.execute(f"CREATE DATABASE {DATABASE} TABLESPACE small")

    def _new_standby(self) -> PostgresServer:
        self._count += 1
        name = f"standby{self._count}"
        standby = start_standby(self.primary, name, **_SETTINGS)
        self._commits_wait_for(name)
        asked = f"SELECT sync_state FROM pg_stat_replication WHERE application_name = '{name}'"
        wait_for(lambda: self.primary.execute(asked) == "sync", 60)
        return standby

    def _commits_wait_for(self, standby: str) -> None:
        self.primary.execute(_WAIT_FOR.format(standby))
        self.primary.execute("SELECT pg_reload_conf()")

    def kill_primary(self) -> None:
        """With SIGKILL. Nothing serves until `promote`."""
        self.primary.kill()
        self._dead.append(self.primary)

    def promote(self) -> None:
        """The standby is the primary from now on. Nothing waits for another standby until `add_standby`."""
        self.standby.execute("SELECT pg_promote()")
        self.primary = self.standby
        self._commits_wait_for("")

    def add_standby(self) -> None:
        self.standby = self._new_standby()

    def stop(self) -> None:
        for server in {id(one): one for one in (*self._dead, self.standby, self.primary)}.values():
            server.stop()


class Cluster:
    """Nodes on one database. `nodes[at]` is behind `gates[at]`; one that was killed may be started again."""

    def __init__(
        self,
        server: ReplicatedServer,
        folder: Path,
        programs: Sequence[Sequence[str]],
        environ: Mapping[str, str],
    ) -> None:
        self.server = server
        self.gates = Gates()
        self.ways: list[Gate] = []
        self.nodes: list[RunningNode] = []
        self._numbers = itertools.count(1, 10**6)
        self._folder = folder
        self._programs = programs
        self._environ = {"NIGHTBUS_CLUSTER_KEY": secrets.token_hex(32), **environ}

    def start(self) -> None:
        """What was started when this fails is ended by `stop`."""
        for at in range(len(self._programs)):
            self.ways.append(self.gates.make(self.server.primary.port))
            self.nodes.append(self._start(at))
        platform.set_up(self.nodes[0])

    def _start(self, at: int, port: int = 0) -> RunningNode:
        secret = quote(PASSWORD, safe="")
        url = f"postgresql://{USER}:{secret}@127.0.0.1:{self.ways[at].port}/{DATABASE}"
        return RunningNode(
            self._folder / f"node{at}",
            self._environ,
            port,
            options=("--store", url),
            program=self._programs[at],
        )

    def next_number(self) -> int:
        """Where the numbers of a test's events begin: none comes twice."""
        return next(self._numbers)

    def start_again(self, at: int) -> None:
        self.nodes[at] = self._start(at, self.nodes[at].port)

    def lead_to_primary(self) -> None:
        """What a load balancer or a virtual address does after a failover."""
        for gate in self.ways:
            gate.to_port = self.server.primary.port

    def stop(self) -> None:
        for gate in self.ways:
            gate.delay = 0.0
            self.gates.open_gate(gate)
        for node in self.nodes:
            node.stop()
        self.gates.end()


@contextmanager
def running_cluster(
    folder: Path,
    programs: Sequence[Sequence[str]] = ((), ()),
    environ: Mapping[str, str] = _NO_VARIABLES,
    small_disk: Path | None = None,
) -> Iterator[Cluster]:
    """`programs`: for each node what runs instead of Nightbus itself. `small_disk`: where the tables are."""
    server = ReplicatedServer(small_disk)
    try:
        cluster = Cluster(server, folder, programs, environ)
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()
    finally:
        server.stop()
