"""Keeps the secrets that all nodes of a cluster have in common, sealed in the database by a key that each is given.

There is one secret, the key of the vault: what signs credentials and links follows from it (`Vault.keyed`), and the
administrator's key is sealed with it. So whoever has a copy of the database, but not the cluster's key, reads none of
them. The first node of a new database makes the vault's key; if two are the first, one of them.
"""

from __future__ import annotations

import base64
import re
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncpg

_VAULT = "vault"
_KEY_BYTES, _NONCE_BYTES = 32, 12
_FORM = "1:"  # AES-256-GCM bound to the secret's name, the nonce first, in base64
_DIGITS = re.compile(f"[0-9A-Fa-f]{{{2 * _KEY_BYTES}}}")


class WrongClusterKey(Exception):
    """The key is not the cluster's, is missing, or is no key; the text says what to do."""


def new_cluster_key() -> str:
    return secrets.token_hex(_KEY_BYTES)


async def has_identity(connection: asyncpg.Connection) -> bool:
    """Return whether a node has been here, whose cluster key the next ones need. The tables are there already."""
    return await _sealed(connection) is not None


async def vault_key(connection: asyncpg.Connection, cluster_key: str) -> bytes:
    """Return the key of the cluster's vault, which is made if there is none. Raises WrongClusterKey."""
    key = _parsed(cluster_key)
    if await _sealed(connection) is None:
        made = _seal(key, _VAULT, secrets.token_bytes(_KEY_BYTES))
        await connection.execute(
            "INSERT INTO secret VALUES ($1, $2) ON CONFLICT (name) DO NOTHING", _VAULT, made
        )
    return _open(key, _VAULT, await _sealed(connection) or "")


async def open_vault_key(connection: asyncpg.Connection, cluster_key: str) -> bytes:
    """Return the key of the vault of a cluster that has one, and change nothing. Raises WrongClusterKey."""
    return _open(_parsed(cluster_key), _VAULT, await _sealed(connection) or "")


async def rotate(connection: asyncpg.Connection, cluster_key: str, new: str) -> None:
    """Seal the vault's key with the cluster key `new`, in place of `cluster_key`, which opens nothing from then on.

    Nodes that run have the vault's key, which stays. Raises WrongClusterKey, and then nothing is changed.
    """
    sealed = await _sealed(connection)
    if sealed is None:
        raise WrongClusterKey("no node has been here yet: there is no key to rotate")
    vault = _open(_parsed(cluster_key), _VAULT, sealed)
    if _parsed(new) == _parsed(cluster_key):
        raise WrongClusterKey("the new key is the one that the cluster has already")
    resealed = _seal(_parsed(new), _VAULT, vault)
    query = "UPDATE secret SET sealed = $1 WHERE name = $2 AND sealed = $3"
    if await connection.execute(query, resealed, _VAULT, sealed) != "UPDATE 1":
        raise WrongClusterKey("somebody else has rotated the cluster's key meanwhile")


async def _sealed(connection: asyncpg.Connection) -> str | None:
    sealed: str | None = await connection.fetchval("SELECT sealed FROM secret WHERE name = $1", _VAULT)
    return sealed


def _parsed(text: str) -> bytes:
    if not _DIGITS.fullmatch(text):
        raise WrongClusterKey(
            f"the cluster's key must be {2 * _KEY_BYTES} hexadecimal digits, such as openssl rand -hex 32 prints"
        )
    return bytes.fromhex(text)


def _seal(key: bytes, name: str, secret: bytes) -> str:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = secrets.token_bytes(_NONCE_BYTES)
    return _FORM + base64.b64encode(nonce + AESGCM(key).encrypt(nonce, secret, name.encode())).decode()


def _open(key: bytes, name: str, sealed: str) -> bytes:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        data = base64.b64decode(sealed.removeprefix(_FORM), validate=True)
        return AESGCM(key).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], name.encode())
    except (InvalidTag, ValueError) as wrong:
        raise WrongClusterKey(
            "the cluster's key is not this database's: it is another cluster's, or from before it was rotated"
        ) from wrong
