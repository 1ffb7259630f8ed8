"""Seals what earlier releases kept as plain text: variables of functions, and what signs links and tokens.

It runs once, before anything else opens the database, and leaves nothing of the text in the file, free pages included.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from nightbus.store.vault import SIGNING, Vault

log = logging.getLogger("nightbus.store")
_FUNCTIONS = "SELECT kind, scope, key, value FROM record WHERE kind IN ('lambda/function', 'lambda/version')"
_SIGNING_SECRET = "SELECT value FROM record WHERE kind = 'node/secret' AND scope = '/' AND key = 'signing'"  # noqa: S105


def seal_plain_secrets(connection: sqlite3.Connection, folder: Path) -> None:
    """Raises VaultClosed, sqlite3.Error; then all is as before."""
    vault = Vault(folder)
    with_secrets = list(_sealed_functions(connection, vault))
    secret = connection.execute(_SIGNING_SECRET).fetchone()
    if secret is not None:
        vault.keep(SIGNING, bytes.fromhex(orjson.loads(secret[0])["hex"]))
    if not with_secrets and secret is None:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.executemany(
            "UPDATE record SET value = ? WHERE kind = ? AND scope = ? AND key = ?", with_secrets
        )
        connection.execute("DELETE FROM record WHERE kind = 'node/secret'")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    _drop_free_pages(connection)


def _sealed_functions(connection: sqlite3.Connection, vault: Vault) -> Iterator[tuple[bytes, str, str, str]]:
    for kind, scope, key, data in connection.execute(_FUNCTIONS):
        value = orjson.loads(data)
        if any([_seal(config, vault) for config in _configurations(value)]):  # noqa: C419 - each one
            yield orjson.dumps(value), kind, scope, key


def _configurations(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for version in (value, value.get("latest"), value.get("previous")):
        if version and "config" in version:
            yield version["config"]


def _seal(config: dict[str, Any], vault: Vault) -> bool:
    variables = config.get("Environment", {}).get("Variables")
    if not variables:
        return False
    config["Environment"] = {"Sealed": vault.seal(orjson.dumps(variables))}
    return True


def _drop_free_pages(connection: sqlite3.Connection) -> None:
    try:
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as failure:
        log.warning("secrets of before are sealed, but free pages may still hold them: %s", failure)
