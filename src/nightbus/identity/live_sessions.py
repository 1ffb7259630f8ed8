"""Refuses sessions whose role or user is gone, and what a session may not call.

A token is signed and outlives nothing: a role that was deleted, or made again with the same name, has another id than
its token says, and so has a user.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_sts-comparison.html
"""

from __future__ import annotations

from nightbus.aws.calls import Caller, Scope
from nightbus.identity.principals import ROLE, USER
from nightbus.identity.refusals import invalid_token
from nightbus.store.known_records import KnownRecords

KINDS = (ROLE, USER)
_OF_A_SESSION_TOKEN = frozenset({"AssumeRole", "GetCallerIdentity"})
_OF_A_FEDERATED_USER = frozenset({"GetCallerIdentity"})


class LiveSessions:
    """Looks for the roles and users of sessions among `entities`, which has the records of `KINDS`."""

    def __init__(self, entities: KnownRecords) -> None:
        self._entities = entities

    async def is_alive(self, caller: Caller) -> bool:
        """Return whether the role or the user of the caller's session is the one that the session was issued for."""
        session = caller.session
        if session is None:
            return True
        if session.role:
            return not session.role_id or await self._is_there(ROLE, session.role, "RoleId", session.role_id)
        arn, id = (session.parent, session.parent_id) if session.parent else (caller.arn, caller.user_id)
        return ":user/" not in arn or await self._is_there(USER, arn, "UserId", id)

    async def _is_there(self, kind: str, arn: str, member: str, id: str) -> bool:
        account, name = arn.split(":")[4], arn.rsplit("/", 1)[-1]
        record = await self._entities.get(Scope(account, ""), kind, name.lower())
        return record is not None and record.value[member] == id

    async def check(self, caller: Caller, service: str, operation: str) -> None:
        """Raise the service's AwsError for a session that is over, or that may not call the operation."""
        if caller.session is not None and not (
            _may_call(caller, service, operation) and await self.is_alive(caller)
        ):
            raise invalid_token(service)


def _may_call(caller: Caller, service: str, operation: str) -> bool:
    """Return whether the kind of session may call the operation. Nobody has an MFA device, which would allow more."""
    session = caller.session
    if session is None or session.role or service not in ("iam", "sts"):
        return True
    callable_operations = _OF_A_FEDERATED_USER if session.parent else _OF_A_SESSION_TOKEN
    return service == "sts" and operation in callable_operations
