"""Opens what a node keeps its state in: the embedded store of its data folder, or one that it shares with other nodes.

With a shared store the data folder has what is this machine's own: packages of functions, TLS, the operator's key, a
copy of the administrator's key. The vault's key comes with the store: from the folder, or from the cluster.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nightbus.clock import Clock
from nightbus.counters import Counters
from nightbus.identity.console_sessions import CODE, SESSION
from nightbus.node.membership import home_of
from nightbus.node.metrics.key import METRICS, kept_metrics_key, write_metrics_key
from nightbus.node.shared_store import CLUSTER_KEY_FILE, TIMELINE_FILE, SharedStore
from nightbus.store.folder import FolderLock
from nightbus.store.interface import Store
from nightbus.store.shared_limits import SharedRates, SharedSlots
from nightbus.store.sqlite.store import SqliteStore
from nightbus.store.vault import Vault

if TYPE_CHECKING:
    from nightbus.node.workers import Worker
    from nightbus.store.postgres.connections import Database
    from nightbus.store.postgres.nodes import Nodes


class CannotOpenStore(Exception):
    """The shared store cannot be used; the text says why and what to do, and names no secret."""


@dataclass(frozen=True, slots=True)
class Storage:
    """`made_cluster_key`: the file with the key of a cluster whose first node this is, unless the key was given.
    `nodes`: those that share the store, None for a store that the node has to itself. `under_way`: how many items of
    each of the nodes' own queues this node works on. `table_sizes`: the bytes of each table of a shared store.
    `slots` and `rates`: of limits that hold over all nodes together."""

    store: Store
    vault: Vault
    metrics_key: str
    close: Callable[[], Awaitable[None]]
    made_cluster_key: Path | None = None
    nodes: Nodes | None = None
    under_way: Callable[[], Mapping[str, int]] = dict
    table_sizes: Callable[[], Awaitable[dict[str, int]]] | None = None
    slots: SharedSlots | None = None
    rates: SharedRates | None = None


def open_embedded(
    folder: Path, clock: Clock, port: int, *, kept: bool, virtual: bool, counters: Counters
) -> Storage:
    """`kept`: the folder outlives the node. `virtual`: the node's time is a test's.

    Raises FolderInUse, NewerSchema, OSError, sqlite3.Error.
    """
    durable = kept and not virtual
    store = SqliteStore.open(folder, clock, durable=durable, counts=counters.commits, inline=virtual)
    store.announce(port)
    vault = Vault(folder if kept else None)
    return Storage(store, vault, kept_metrics_key(folder), store.close, under_way=store.under_way)


async def open_shared(
    shared: SharedStore,
    folder: Path,
    clock: Clock,
    port: int,
    *,
    counters: Counters,
    worker: Worker | None = None,
) -> Storage:
    """`worker`: one of several processes that have the folder, each with a part of its own. Waits for half a minute
    where the server starts too, or is slow.

    Raises FolderInUse, CannotOpenStore, SettingsError.
    """
    database = shared.database
    own = folder if worker is None else worker.folder(folder)
    lock = FolderLock.acquire(own)
    try:
        with _said(database):
            database.timelines.remember_in(own / TIMELINE_FILE)
            from nightbus.store.postgres.nodes import Presence
            from nightbus.store.postgres.retries import until_it_is_ready
            from nightbus.store.postgres.store import PostgresStore

            suffix = "" if worker is None else f"/{worker.number}"
            presence = Presence(url=shared.node_url, home=home_of(own), suffix=suffix)
            places = shared.blob_places(folder)

            async def vault_key() -> tuple[bytes, Path | None]:
                return await _vault_key(database, shared.key_or_file(folder), folder)

            async def opened() -> PostgresStore:
                return await PostgresStore.open(
                    database, clock, counts=counters.commits, presence=presence, blobs=places
                )

            key, made = await until_it_is_ready(vault_key, database.shown)
            store = await until_it_is_ready(opened, database.shown)
    except BaseException:
        lock.release()
        raise
    lock.announce(port)
    store.announce(port)
    vault = Vault(key=key)
    metrics = vault.keyed(METRICS).hex()
    write_metrics_key(folder, metrics)

    async def close() -> None:
        await store.close()
        lock.release()

    return Storage(
        store,
        vault,
        metrics,
        close,
        made,
        store.nodes,
        store.under_way,
        store.table_sizes,
        store.slots,
        store.rates,
    )


async def _vault_key(database: Database, given: str, folder: Path) -> tuple[bytes, Path | None]:
    """Return the key of the cluster's vault, and the file of the cluster's key if it was made now."""
    from nightbus.store.postgres import identity, schema

    connection = await database.connect()
    try:
        await schema.prepare(connection, database.schema)
        file, made = folder / CLUSTER_KEY_FILE, None
        if not given:
            if await identity.has_identity(connection):
                raise identity.WrongClusterKey(
                    "the database has a cluster, whose key this node needs: --cluster-key-file or NIGHTBUS_CLUSTER_KEY "
                    f"(the cluster's first node has it in {CLUSTER_KEY_FILE} of its data folder)"
                )
            given, made = identity.new_cluster_key(), file
            _write_key(file, given)
        try:
            return await identity.vault_key(connection, given), made
        except identity.WrongClusterKey:
            if made is not None:  # another node was first
                made.unlink(missing_ok=True)
            raise
    finally:
        await connection.close()


async def rotate_key(database: Database, old: str, file: Path) -> None:
    """Seal what the cluster's key `old` opens with the key in `file`, which is made if it is not there.

    Everybody is signed out of the console. Where that has been done already (a command that was killed before it said
    so) nothing is left to do.

    Raises CannotOpenStore, and OSError for the file, which stays: whether a lost connection had committed nobody knows.
    """
    from nightbus.store.postgres import identity
    from nightbus.store.postgres.feed import delete_kinds
    from nightbus.store.postgres.retries import until_it_wins

    with _said(database):
        connection = await database.connect(name="nightbus rotate-key")
    try:
        with _said(database):
            try:
                await identity.open_vault_key(connection, old)
            except identity.WrongClusterKey:
                with contextlib.suppress(identity.WrongClusterKey, FileNotFoundError):
                    there = await asyncio.to_thread(_text_of, file)
                    await identity.open_vault_key(connection, there)
                    return
                raise
        new = await asyncio.to_thread(_key_in, file)

        async def rotate() -> None:
            async with connection.transaction():
                await identity.rotate(connection, old, new)
                await delete_kinds(connection, database, (CODE, SESSION))

        with _said(database):
            await until_it_wins(rotate)
    finally:
        await connection.close()


def _key_in(file: Path) -> str:
    """The key that the file has, or that is made and written there. Raises OSError."""
    if file.exists():
        return _text_of(file)
    from nightbus.store.postgres import identity

    key = identity.new_cluster_key()
    _write_key(file, key)
    return key


def _text_of(file: Path) -> str:
    return file.read_text(errors="replace").strip()


def _write_key(file: Path, key: str) -> None:
    """On disk before the database has what only this key opens."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(file, flags, 0o600), "w") as opened:
        opened.write(f"{key}\n")
        opened.flush()
        os.fsync(opened.fileno())


@contextlib.contextmanager
def _said(database: Database) -> Iterator[None]:
    """Raise what makes the database unusable as CannotOpenStore."""
    import asyncpg

    from nightbus.store.postgres.blob_homes.folder import OtherFolder
    from nightbus.store.postgres.identity import WrongClusterKey
    from nightbus.store.postgres.refusals import reason_of
    from nightbus.store.postgres.schema import NewerSchema

    try:
        yield
    except (WrongClusterKey, NewerSchema, OtherFolder) as refusal:
        raise CannotOpenStore(f"{database.shown}: {refusal}") from refusal
    except (OSError, TimeoutError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as failure:
        reason = reason_of(database.url, failure)
        raise CannotOpenStore(f"{database.shown} cannot be used: {reason}") from failure
