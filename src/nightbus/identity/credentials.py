"""Finds the account of an access key, and issues the temporary credentials of roles.

A temporary access key contains its account, as AWS's do (in base32 after the prefix of four letters), and its session
token is signed with the node's secret. So nothing is stored for temporary credentials, and they survive a restart.
"""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from nightbus.aws.calls import Caller, Session
from nightbus.aws.grammar import DEFAULT_ACCOUNT, is_account
from nightbus.clock import Clock

_ACCOUNT_SHIFT = 7


@dataclass(frozen=True, slots=True)
class SessionCredentials:
    """Temporary credentials. `expiration` is in UTC ms."""

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expiration: int
    user_id: str
    arn: str


class ReadToken(NamedTuple):
    """What a session token of this node says. `expires` is in UTC ms."""

    access_key: str
    caller: Caller
    expires: int


def account_of(access_key: str) -> str:
    """Return the account of an access key: the key itself if it has twelve digits, else the default account."""
    return access_key if is_account(access_key) else DEFAULT_ACCOUNT


def account_named_by(access_key: str) -> str:
    """Return the account of an access key, also for temporary keys, which contain their account."""
    return (account_in(access_key) if access_key.startswith("ASIA") else None) or account_of(access_key)


@functools.lru_cache(maxsize=1024)
def account_in(access_key: str) -> str | None:
    """Return the account that is written into an access key's id, None if the id has not the form of such a key."""
    try:
        raw = base64.b32decode(access_key[4:])
    except (binascii.Error, ValueError):
        return None
    if len(raw) < 6:
        return None
    account = f"{(int.from_bytes(raw[:6], 'big') & ~(1 << 47)) >> _ACCOUNT_SHIFT:012d}"
    return account if is_account(account) else None


class CredentialIssuer:
    """Issues temporary credentials, and reads the caller from them. `secret` is the node's, 32 random bytes."""

    def __init__(self, secret: bytes, clock: Clock) -> None:
        self._secret = secret
        self._clock = clock

    def issue(
        self,
        role_arn: str,
        role_id: str,
        session_name: str,
        expiration_ms: int,
        session: Session | None = None,
    ) -> SessionCredentials:
        """Return credentials of the role. `session` has what they carry besides it."""
        account = role_arn.split(":")[4]
        role = role_arn.rsplit("/", 1)[-1]
        partition = role_arn.split(":")[1]
        caller_arn = f"arn:{partition}:sts::{account}:assumed-role/{role}/{session_name}"
        carried = (session or Session(role_arn))._replace(role=role_arn)
        return self._make(account, caller_arn, f"{role_id}:{session_name}", carried, expiration_ms)

    def issue_federated(self, session: Session, name: str, expiration_ms: int) -> SessionCredentials:
        """Return credentials of a federated user of the account of the session's `parent`."""
        _, partition, _, _, account, _ = session.parent.split(":", 5)
        caller_arn = f"arn:{partition}:sts::{account}:federated-user/{name}"
        return self._make(account, caller_arn, f"{account}:{name}", session, expiration_ms)

    def issue_for(
        self, caller: Caller, expiration_ms: int, session: Session | None = None
    ) -> SessionCredentials:
        """Return temporary credentials of the caller itself, valid until `expiration_ms` (UTC ms)."""
        return self._make(caller.account, caller.arn, caller.user_id, session or Session(""), expiration_ms)

    def _make(
        self, account: str, caller_arn: str, user_id: str, session: Session, expiration_ms: int
    ) -> SessionCredentials:
        access_key = new_access_key("ASIA", account)
        claims = {
            "key": access_key,
            "arn": caller_arn,
            "uid": user_id,
            "role": session.role,
            "exp": expiration_ms,
            "iat": session.issued or self._clock.now_ms(),
            **_claims_of(session),
        }
        body = json.dumps(claims, separators=(",", ":")).encode()
        token = base64.b64encode(self._sign(body) + body).decode()
        secret_key = self.secret_of(access_key)
        return SessionCredentials(access_key, secret_key, token, expiration_ms, user_id, caller_arn)

    def secret_of(self, access_key: str) -> str:
        """Return the secret of a temporary access key, whether it was issued or not."""
        digest = hmac.digest(self._secret, b"secret:" + access_key.encode(), hashlib.sha256)
        return base64.b64encode(digest[:30]).decode()

    def session_of(self, session_token: str) -> ReadToken | None:
        """Return what the token says, whether its session is over or not; None for a token that is not this node's."""
        claims = self._claims(session_token)
        if claims is None:
            return None
        key, caller_arn = str(claims["key"]), str(claims["arn"])
        account, session = caller_arn.split(":")[4], _session_of(claims)
        caller = Caller(account, caller_arn, str(claims["uid"]), key, session=session)
        return ReadToken(key, caller, int(claims["exp"]))

    def for_function(
        self, role_arn: str, function_arn: str, seconds: int, role_id: str = ""
    ) -> SessionCredentials:
        """Return credentials of the role, valid for `seconds`, for the code of a function. Its ARN has no qualifier.

        They end with the role of the unique id `role_id`, if it is given.
        """
        expiration = self._clock.now_ms() + seconds * 1000
        session = Session(role_arn, role_id=role_id, function=function_arn)
        name = function_arn.rsplit(":", 1)[-1]
        return self.issue(role_arn, role_id or _role_id(role_arn), name, expiration, session)

    def _claims(self, token: str) -> dict[str, Any] | None:
        try:
            raw = base64.b64decode(token, validate=True)
        except (binascii.Error, ValueError):
            return None
        signature, body = raw[:32], raw[32:]
        if not hmac.compare_digest(signature, self._sign(body)):
            return None
        claims = json.loads(body)
        return claims if isinstance(claims, dict) else None

    def _sign(self, body: bytes) -> bytes:
        return hmac.digest(self._secret, body, hashlib.sha256)


def _claims_of(session: Session) -> dict[str, Any]:
    """Return the claims of what a session has, so that a token is not longer than it must be."""
    claims = {
        "pol": list(session.policies),
        "tags": dict(session.tags),
        "src": session.source_identity,
        "rid": session.role_id,
        "trans": list(session.transitive),
        "by": session.parent,
        "bid": session.parent_id,
        "fn": session.function,
    }
    present = {name: value for name, value in claims.items() if value}
    return present if session.mfa is None else present | {"mfa": session.mfa}


def _session_of(claims: Mapping[str, Any]) -> Session:
    return Session(
        role=str(claims["role"]),
        issued=int(claims.get("iat", 0)),
        policies=tuple(claims.get("pol", ())),
        tags=tuple(claims.get("tags", {}).items()),
        source_identity=str(claims.get("src", "")),
        mfa=claims.get("mfa"),
        role_id=str(claims.get("rid", "")),
        transitive=tuple(claims.get("trans", ())),
        parent=str(claims.get("by", "")),
        parent_id=str(claims.get("bid", "")),
        function=str(claims.get("fn", "")),
    )


def _role_id(role_arn: str) -> str:
    """Return an id in the form of a role's unique id, derived from the ARN, without reading the role."""
    digest = hashlib.sha256(role_arn.encode()).digest()
    return "AROA" + base64.b32encode(digest).decode()[:17]


def new_access_key(prefix: str, account: str) -> str:
    """Return a new access key's id of the account. `prefix` is ASIA for a temporary key, AKIA for a user's."""
    head = (int(account) << _ACCOUNT_SHIFT) | (1 << 47)
    return prefix + base64.b32encode(head.to_bytes(6, "big") + secrets.token_bytes(4)).decode()
