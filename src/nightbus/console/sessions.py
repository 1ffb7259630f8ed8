"""Signs people in: makes the codes of one-time links, exchanges them for sessions, and finds a session by its cookie.

A code is good once and for 60 seconds. A session ends when nobody used it for 12 hours, when its owner signs out, and
with the node: both are in memory only, and of both only a hash, so that neither a dump of the node's memory nor its
folder shows what would let somebody in.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from nightbus.bounded import Bounded

LINK_MS = 60_000
IDLE_MS = 12 * 3_600_000
_MOST_CODES = 100
_MOST_SESSIONS = 100


@dataclass(slots=True)
class Session:
    """`token` is to be shown with every request that changes something. Times are UTC ms."""

    token: str
    began: int
    used: int
    ended: bool = False


class Sessions:
    def __init__(self) -> None:
        self._codes: Bounded[bytes, int] = Bounded(_MOST_CODES)  # when each ends
        self._sessions: Bounded[bytes, Session] = Bounded(_MOST_SESSIONS)

    def new_code(self, now: int) -> str:
        """A code for `sign_in`, until `LINK_MS` from now."""
        code = secrets.token_urlsafe(32)
        self._codes[_hash(code)] = now + LINK_MS
        return code

    def sign_in(self, code: str, now: int) -> tuple[str, Session] | None:
        """Use the code up: return the value of the cookie, and its session. None for a code that is not good."""
        ends = self._codes.pop(_hash(code), 0)
        if now >= ends:
            return None
        cookie, session = secrets.token_urlsafe(32), Session(secrets.token_urlsafe(32), now, now)
        self._sessions[_hash(cookie)] = session
        return cookie, session

    def find(self, cookie: str, now: int) -> Session | None:
        """The session, which is used by this."""
        key = _hash(cookie)
        session = self._sessions.get(key)
        if session is None:
            return None
        if now - session.used > IDLE_MS:
            self._end(key)
            return None
        session.used = now
        return session

    def sign_out(self, cookie: str) -> None:
        self._end(_hash(cookie))

    def _end(self, key: bytes) -> None:
        session = self._sessions.pop(key, None)
        if session is not None:
            session.ended = True  # for what streams

    def in_memory(self) -> dict[str, int]:
        return {"sessions of the console": len(self._sessions), "codes of the console": len(self._codes)}


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
