"""Finds whose a long-term access key is: an IAM user's, or an account's root's for an administrator's key.

The key's id names its account, as AWS's do, and the key's record lies in that account. A key that IAM has not issued
stays what it was: the root user's of the account that it names.
"""

from __future__ import annotations

from nightbus.aws.calls import Caller, Scope
from nightbus.identity.credentials import account_in
from nightbus.identity.live_sessions import KINDS, LiveSessions
from nightbus.store.interface import Record, Store
from nightbus.store.known_records import KnownRecords

ACCESS_KEY = "iam/access-key"
LONG_TERM = "AKIA"
ACTIVE = "Active"


class InactiveKey(Exception):
    """The access key was made inactive."""


class AccessKeys:
    """Remembers the keys that it was asked for, also that IAM has not issued them."""

    def __init__(self, store: Store) -> None:
        self._keys = KnownRecords(store, [ACCESS_KEY, *KINDS])
        self.sessions = LiveSessions(self._keys)

    def in_memory(self) -> dict[str, int]:
        return self._keys.in_memory()

    async def record_of(self, access_key: str) -> Record | None:
        """Return the key's record, None for a key that IAM has not issued."""
        account = account_in(access_key) if access_key.startswith(LONG_TERM) else None
        return await self._keys.get(Scope(account, ""), ACCESS_KEY, access_key) if account else None


def caller_with(access_key: str, record: Record) -> Caller:
    """Return the owner of the key as a caller. Raises InactiveKey."""
    if record.value["Status"] != ACTIVE:
        raise InactiveKey
    arn = str(record.value["UserArn"])
    return Caller(arn.split(":")[4], arn, record.value["UserId"], access_key)
