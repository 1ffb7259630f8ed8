"""Finds whose an access key is, and the secret that its requests are signed with.

A long-term key is a record, whose secret the vault has sealed. A temporary key is only valid with its session token,
which the node signed and which names the key; its secret follows from the key.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

from nightbus.aws.calls import Caller
from nightbus.bounded import Bounded, Seldom
from nightbus.clock import Clock
from nightbus.identity.access_keys import LONG_TERM, AccessKeys, caller_with
from nightbus.identity.credentials import CredentialIssuer
from nightbus.store.interface import Record
from nightbus.store.vault import Vault, VaultClosed

log = logging.getLogger("nightbus.identity")

_MOST = 2000
_LONGEST_ID = 128  # characters, by the model of IAM


class InvalidToken(Exception):
    """The session token does not belong to the key."""


class TokenExpired(Exception):
    """The session is over."""


@dataclass(frozen=True, slots=True)
class Signer:
    """The caller that a key stands for. `expires` is in UTC ms, None for a long-term key."""

    caller: Caller
    secret: str = field(repr=False)
    expires: int | None = None


class Signers:
    """Remembers what it read of a key's record, as long as that is the record, and of tokens until they are over."""

    def __init__(
        self, access_keys: AccessKeys, credentials: CredentialIssuer, vault: Vault, clock: Clock
    ) -> None:
        self._access_keys = access_keys
        self._credentials = credentials
        self._vault = vault
        self._clock = clock
        self._owners: Bounded[str, tuple[Record, Signer]] = Bounded(_MOST)
        self._sessions: Bounded[tuple[str, str], Signer] = Bounded(_MOST)
        self._lost: Seldom[str] = Seldom(3_600_000, 20)

    def in_memory(self) -> dict[str, int]:
        return {"owners of access keys": len(self._owners), "sessions that called": len(self._sessions)}

    async def find(self, access_key: str, token: str = "") -> Signer | None:
        """Return the signer, None for a key that is not this node's.

        A key whose secret the vault did not seal is none either. Raises InactiveKey, InvalidToken, TokenExpired.
        """
        if len(access_key) > _LONGEST_ID:
            return None
        if access_key.startswith(LONG_TERM):
            return await self._long_term(access_key, token)
        return self._temporary(access_key, token) if token else None

    async def _long_term(self, access_key: str, token: str) -> Signer | None:
        record = await self._access_keys.record_of(access_key)
        if record is None:
            return None
        known = self._owners.get(access_key)
        if known is not None and known[0] is record:
            signer = known[1]
        else:
            caller = caller_with(access_key, record)
            try:  # in a thread, since the first one imports the library
                secret = await asyncio.to_thread(self._vault.open, str(record.value["Secret"]))
            except VaultClosed as closed:
                if self._lost.is_due(access_key, self._clock.now_ms()):
                    log.warning("access key %s cannot be used any more: %s", access_key, closed)
                return None
            signer = Signer(caller, secret.decode())
            self._owners[access_key] = (record, signer)
        if token:
            raise InvalidToken
        return signer

    def _temporary(self, access_key: str, token: str) -> Signer | None:
        signer = self._sessions.get((access_key, token))
        if signer is None:
            session = self._credentials.session_of(token)
            if session is None:
                return None
            if session.access_key != access_key:
                raise InvalidToken
            secret = self._credentials.secret_of(access_key)
            signer = Signer(session.caller, secret, session.expires)
            self._sessions[access_key, token] = signer
        if signer.expires is not None and signer.expires <= self._clock.now_ms():
            raise TokenExpired
        return signer
