"""Makes the access keys of administrators, and keeps the data folder's file of them in step with the store.

An administrator's key is an access key of the root user of its account. The store has the truth: the key's record,
which is like that of an IAM user's key, and beside it a record that says which key is the administrator's. The file
`credentials` of the data folder (mode 0600) is a copy for the command line and is made again where it is missing. Keys
are for whoever can read the folder, which includes everything that the node keeps.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import secrets
from pathlib import Path
from typing import Any

from nightbus.aws.calls import Caller, Scope
from nightbus.clock import Clock
from nightbus.identity.access_keys import ACCESS_KEY, ACTIVE, LONG_TERM
from nightbus.identity.credentials import new_access_key
from nightbus.identity.key_file import FILE_NAME, AccessKey, profile_of, read_key, write_section
from nightbus.store.conflicts import retries_on_conflict
from nightbus.store.interface import Change, DeleteRecord, PutRecord, Record, Store
from nightbus.store.vault import Vault, VaultClosed

log = logging.getLogger("nightbus.identity")

ADMINISTRATOR = "identity/administrator"
_KEY = "access-key"
_SECRET_BYTES = 30  # 40 characters


class AdministratorKeys:
    """The administrators' keys of all accounts. `folder` is the node's data folder."""

    def __init__(self, store: Store, vault: Vault, clock: Clock, folder: Path) -> None:
        self._store = store
        self._vault = vault
        self._clock = clock
        self._file = folder / FILE_NAME
        self.made: list[str] = []  # the ids of keys that were made since the node's start
        self.had_none = False  # whether the first of them is its account's first key

    @retries_on_conflict
    async def ensure(self, account: str) -> AccessKey:
        """Return the key of the account's administrator, which is made if there is none."""
        pointer = await self._store.get(_scope(account), ADMINISTRATOR, _KEY)
        return await self._existing(account, pointer) or await self._make(account, pointer)

    @retries_on_conflict
    async def replace(self, account: str) -> AccessKey:
        """Return a new key of the account's administrator. The key that it had is deleted."""
        return await self._make(account, await self._store.get(_scope(account), ADMINISTRATOR, _KEY))

    async def follow(self) -> None:
        """Write into the file the keys that other nodes on the store make or replace, until it is cancelled."""
        changed = asyncio.Event()
        unwatch = self._store.watch(lambda _: changed.set(), (ADMINISTRATOR,))
        try:
            while True:
                for scope in await self._store.scopes(ADMINISTRATOR):
                    pointer = await self._store.get(scope, ADMINISTRATOR, _KEY)
                    await self._existing(scope.account, pointer)
                await changed.wait()
                changed.clear()
        finally:
            unwatch()

    async def _existing(self, account: str, pointer: Record | None) -> AccessKey | None:
        """Return the key that the store has; None if it has none, it is inactive, or its secret cannot be opened."""
        if pointer is None:
            return None
        key_id = str(pointer.value["AccessKeyId"])
        record = await self._store.get(_scope(account), ACCESS_KEY, key_id)
        if record is None or record.value["Status"] != ACTIVE:
            return None
        in_file = await asyncio.to_thread(self._read, account)
        if in_file is not None and in_file.id == key_id and pointer.value.get("Vault") == self._vault_mark():
            return in_file
        try:
            secret = await asyncio.to_thread(self._vault.open, record.value["Secret"])
        except VaultClosed as closed:
            log.warning("the administrator's key of account %s is replaced: %s", account, closed)
            return None
        key = AccessKey(key_id, secret.decode())
        await asyncio.to_thread(self._write, account, key)
        return key

    async def _make(self, account: str, pointer: Record | None) -> AccessKey:
        secret = base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
        key = AccessKey(new_access_key(LONG_TERM, account), secret)
        scope, owner = _scope(account), Caller.root(account)
        value: dict[str, Any] = {
            "UserName": "",
            "UserId": owner.user_id,
            "UserArn": owner.arn,
            "Status": ACTIVE,
            "Created": self._clock.now_ms(),
            "Secret": await asyncio.to_thread(self._vault.seal, secret.encode()),
        }
        marked = {"AccessKeyId": key.id, "Vault": self._vault_mark()}
        expected = 0 if pointer is None else pointer.revision
        changes: list[Change] = [
            PutRecord(scope, ACCESS_KEY, key.id, value, expect=0),
            PutRecord(scope, ADMINISTRATOR, _KEY, marked, expect=expected),
        ]
        if pointer is not None:
            changes.append(DeleteRecord(scope, ACCESS_KEY, str(pointer.value["AccessKeyId"])))
        await self._store.commit(*changes)
        self.had_none |= not self.made and pointer is None
        self.made.append(key.id)
        await asyncio.to_thread(self._write, account, key)
        return key

    def _vault_mark(self) -> str:
        """Return what tells the vault's key from another, without the library that opens what it has sealed."""
        return self._vault.keyed(ADMINISTRATOR).hex()[:16]

    def _read(self, account: str) -> AccessKey | None:
        """Return the key in the file, which is made its owner's alone: a copy of a folder may have lost that."""
        try:
            key = read_key(self._file, profile_of(account))
            if key is not None and self._file.stat().st_mode & 0o077:
                self._file.chmod(0o600)
        except OSError:
            return None
        return key

    def _write(self, account: str, key: AccessKey) -> None:
        try:
            write_section(self._file, profile_of(account), key.section)
            self._file.chmod(0o600)
        except (
            OSError
        ) as failure:  # a full disk, say; the store has the key, and the next start writes the file
            log.warning("%s cannot be written: %s", self._file, failure.strerror or failure)


def _scope(account: str) -> Scope:
    return Scope(account, "")
