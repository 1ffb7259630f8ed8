"""A primary with a synchronous standby, and nodes on it as processes, each behind a gate of its own."""

from __future__ import annotations

import itertools
import os
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from cluster import platform
from cluster.gates import Gate, Gates

from nodes import RunningNode
from postgres_server import (
    PASSWORD,
    USER,
    PostgresServer,
    postgres_server,
    start_again,
    start_server,
    start_standby,
)
from waiting import wait_for

DATABASE = "cluster"
_NO_VARIABLES: Mapping[str, str] = {}
_SETTINGS = {
    "wal_level": "replica",
    "deadlock_timeout": "100ms",
    "wal_receiver_status_interval": "1s",
    "log_min_messages": "warning",
}
_SMALL_WAL = {"max_wal_size": "8MB", "min_wal_size": "2MB", "wal_keep_size": "0"}
_WAIT_FOR = "ALTER SYSTEM SET synchronous_standby_names = '{}'"


class ReplicatedServer:
    """`primary` confirms a commit when `standby` has it on its disk, too; `former` was the primary before. There is no
    standby with one of the small folders: `small_disk` is where the tables are, `small_wal` where the write-ahead log
    is."""

    def __init__(self, small_disk: Path | None = None, small_wal: Path | None = None) -> None:
        postgres_server()  # skips where there is none
        self._settings = _SETTINGS if small_wal is None else _SETTINGS | _SMALL_WAL
        self.primary = self.standby = self.former = start_server(small_wal, **self._settings)
        self._count = 0
        if small_disk is not None:
            owner = (self.primary.folder / "data").stat()
            os.chown(small_disk, owner.st_uid, owner.st_gid)
            self.primary.execute(f"CREATE TABLESPACE small LOCATION '{small_disk}'")
            self.primary.execute(f"CREATE DATABASE {DATABASE} TABLESPACE small")
            return
        self.primary.execute(f"CREATE DATABASE {DATABASE}")
        if small_wal is None:
            self.standby = self._new_standby()

    def _new_standby(self) -> PostgresServer:
        self._count += 1
        name = f"standby{self._count}"
        standby = start_standby(self.primary, name, **_SETTINGS)
        _commits_wait_for(self.primary, name)
        asked = f"SELECT sync_state FROM pg_stat_replication WHERE application_name = '{name}'"
        wait_for(lambda: self.primary.execute(asked) == "sync", 60)
        return standby

    def commit_without_standby(self) -> None:
        """The standby hears nothing more, and the primary confirms without it."""
        _commits_wait_for(self.primary, "")
        self.standby.execute("ALTER SYSTEM SET primary_conninfo = ''")
        self.standby.execute("SELECT pg_reload_conf()")
        wait_for(lambda: self.primary.execute("SELECT count(*) FROM pg_stat_replication") == "0", 60)

    def kill_primary(self) -> None:
        """With SIGKILL. Nothing serves until `promote`."""
        self.primary.kill()

    def promote(self) -> None:
        """The standby is the primary from now on. Nothing waits for another standby until `add_standby`."""
        self.standby.execute("SELECT pg_promote()")
        self.former, self.primary = self.primary, self.standby
        _commits_wait_for(self.primary, "")

    def bring_former_back(self) -> None:
        """Start the primary again that was killed, as one that waits for no standby: it would confirm everything."""
        self.former = start_again(self.former, **_SETTINGS)
        _commits_wait_for(self.former, "")

    def start_again(self) -> None:
        """The primary, which has ended or is killed now. It has no standby."""
        self.primary = self.standby = self.former = start_again(self.primary, **self._settings)

    def add_standby(self) -> None:
        """What was the primary before is removed, with its folder."""
        self.former.stop()
        self.standby = self._new_standby()

    def stop(self) -> None:
        for server in {id(one): one for one in (self.former, self.standby, self.primary)}.values():
            server.stop()


def _commits_wait_for(server: PostgresServer, standby: str) -> None:
    server.execute(_WAIT_FOR.format(standby))
    server.execute("SELECT pg_reload_conf()")


class Cluster:
    """Nodes on one database. `nodes[at]` is behind `ways[at]`; one that was killed may be started again. Those `direct`
    have a URL that names both servers instead, the primary first."""

    def __init__(
        self,
        server: ReplicatedServer,
        folder: Path,
        programs: Sequence[Sequence[str]],
        environ: Mapping[str, str],
        direct: Collection[int],
    ) -> None:
        self.server = server
        self._direct = direct
        self._both = f"127.0.0.1:{server.primary.port},127.0.0.1:{server.standby.port}"
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
        hosts = self._both if at in self._direct else f"127.0.0.1:{self.ways[at].port}"
        url = f"postgresql://{USER}:{quote(PASSWORD, safe='')}@{hosts}/{DATABASE}"
        if at in self._direct:
            url += "?target_session_attrs=read-write"
        return RunningNode(
            self.folder_of(at),
            self._environ,
            port,
            options=("--store", url),
            program=self._programs[at],
        )

    def folder_of(self, at: int) -> Path:
        return self._folder / f"node{at}"

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
    small_wal: Path | None = None,
    direct: Collection[int] = (),
) -> Iterator[Cluster]:
    """`programs`: for each node what runs instead of Nightbus itself. The rest as for `ReplicatedServer`, `Cluster`."""
    server = ReplicatedServer(small_disk, small_wal)
    try:
        cluster = Cluster(server, folder, programs, environ, direct)
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()
    finally:
        server.stop()
