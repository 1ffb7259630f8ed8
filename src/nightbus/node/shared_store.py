"""Defines the settings of a store that several nodes share: the database, and the key of the cluster.

A password stands in the URL, in a file of its own, or where PostgreSQL's tools look for it (`PGPASSWORD`, `PGPASSFILE`,
`~/.pgpass`). Neither it nor the cluster's key is part of any text that this module makes.
"""

from __future__ import annotations

import contextlib
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from nightbus.node.setting_sources import SettingsError, Sources
from nightbus.store.postgres.blob_homes.places import BlobPlaces, blob_home
from nightbus.store.postgres.connections import Database

_SCHEMES = ("postgresql", "postgres")
_KEY_VARIABLE = "NIGHTBUS_CLUSTER_KEY"
_OF_LIBPQ = "PGPASSWORD"  # as of all programs of PostgreSQL
_WITH_SECRETS = (_KEY_VARIABLE, _OF_LIBPQ, "NIGHTBUS_STORE")
TIMELINE_FILE = "database-timeline"  # in the data folder of a node, and in that of each of its workers
CLUSTER_KEY_FILE = "cluster.key"  # in the data folder of the node that made it
_CACHE_MEGABYTES = 1024


@dataclass(frozen=True, slots=True)
class SharedStore:
    """`url` is a PostgreSQL URI as libpq takes it; `password_file` has its password, if the URL does not.

    `polls`: do without LISTEN, NOTIFY and advisory locks. The cluster's key is `cluster_key`, or what
    `cluster_key_file` has: 64 hexadecimal digits. `password` was in a variable of its own. `blobs` says where blobs
    lie (`blob_home`), and `blob_cache_megabytes` how many copies of them this node keeps. `node_url` is shown for this
    node to those who ask another one.
    """

    url: str = field(repr=False)
    password_file: Path | None = None
    polls: bool = False
    cluster_key: str = field(default="", repr=False)
    cluster_key_file: Path | None = None
    password: str = field(default="", repr=False)
    blobs: str = ""
    blob_cache_megabytes: int = _CACHE_MEGABYTES
    node_url: str = ""

    @property
    def database(self) -> Database:
        """Raises SettingsError for a password file that cannot be read."""
        password = self.password or None
        if self.password_file is not None:
            password = _text_of(self.password_file, "store_password_file")
        return Database(self.url, polls=self.polls, password=password)

    def database_known_in(self, folder: Path) -> Database:
        """`database`, of which a primary is refused that was replaced as far as nodes with this data folder know.

        For commands beside the nodes: they remember nothing themselves. Raises SettingsError."""
        database = self.database
        for file in (folder / TIMELINE_FILE, *folder.glob(f"worker-*/{TIMELINE_FILE}")):
            with contextlib.suppress(OSError):  # another user's
                database.timelines.expect(file)
        return database

    def given_key(self) -> str:
        """The cluster's key as it was given, empty where none was. Raises SettingsError."""
        if self.cluster_key_file is None:
            return self.cluster_key.strip()
        return _text_of(self.cluster_key_file, "cluster_key_file")

    def key_or_file(self, folder: Path) -> str:
        """The cluster's key as it was given, or else as the first node has left it in its data folder, empty where
        neither is. Raises SettingsError."""
        file = folder / CLUSTER_KEY_FILE
        return self.given_key() or (_text_of(file, "the cluster's key") if file.exists() else "")

    def blob_places(self, folder: Path) -> BlobPlaces:
        """`folder` is the data folder, which has this node's copies."""
        return BlobPlaces(
            blob_home(self.blobs), folder / "blob-cache", self.blob_cache_megabytes * 1024 * 1024
        )

    def __str__(self) -> str:
        return Database(self.url).shown


def shared_store(
    sources: Sources,
    url: str | None,
    password_file: Path | None,
    cluster_key_file: Path | None,
    memory: bool | None,
) -> SharedStore:
    """Return what the options, variables and the file say, one of which names a store. Raises SettingsError."""
    chosen, origin = sources.text("store", url) or "", _origin(sources, url)
    _check_url(chosen, origin)
    if sources.switch("memory", False, memory):
        raise SettingsError(f"{origin}: a store that nodes share does not go with memory")
    key_file = sources.path("cluster_key_file", cluster_key_file)
    key = sources.environ.get(_KEY_VARIABLE, "")
    return SharedStore(
        url=chosen,
        password_file=sources.path("store_password_file", password_file),
        polls=sources.switch("store_polls", False),
        cluster_key="" if cluster_key_file is not None else key,
        cluster_key_file=None if key and cluster_key_file is None else key_file,
        password="" if _has_password(chosen) else sources.environ.get(_OF_LIBPQ, ""),
        blobs=_blobs(sources),
        blob_cache_megabytes=sources.count("blob_cache_megabytes", _CACHE_MEGABYTES),
    )


def keep_from_children(environ: MutableMapping[str, str]) -> None:
    """Take the variables with secrets out of a node's environment, when its settings are read: no child needs them."""
    for name in _WITH_SECRETS:
        environ.pop(name, None)


def _has_password(url: str) -> bool:
    parts = urlsplit(url)
    return parts.password is not None or any(name == "password" for name, _ in parse_qsl(parts.query))


def _blobs(sources: Sources) -> str:
    text = sources.text("blobs") or ""
    try:
        return text if blob_home(text) else ""
    except ValueError as why:
        raise SettingsError(f"blobs: {why}") from why


def _origin(sources: Sources, url: str | None) -> str:
    if url:
        return "--store"
    return "NIGHTBUS_STORE" if sources.environ.get("NIGHTBUS_STORE") else f"{sources.file}: store"


def _check_url(url: str, origin: str) -> None:
    """The text that is refused is not repeated: it may have a password."""
    try:
        parts = urlsplit(url)
        hosts = parts.netloc.rpartition("@")[2].split(",")  # several, of which one is the primary
        known = parts.scheme in _SCHEMES and all(urlsplit(f"//{host}").port != 0 for host in hosts)
    except ValueError:
        known = False
    if not known:
        raise SettingsError(
            f"{origin} is not the URL of a PostgreSQL database, such as postgresql://nightbus@db.example:5432/nightbus"
        )


def _text_of(file: Path, name: str) -> str:
    try:
        return file.read_text().strip()
    except (OSError, UnicodeDecodeError) as failure:
        reason = failure.strerror if isinstance(failure, OSError) else "it is not text"
        raise SettingsError(f"{name} {file} cannot be read: {reason}") from failure
