"""Makes ids. Random bytes are read in batches, because a system call per id would cost more than the rest."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import string
import time

_UPPER_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_LOWER_ALPHANUMERIC = string.ascii_lowercase + string.digits
_ALPHANUMERIC = string.ascii_letters + string.digits


class _RandomDigits:
    """Returns slices of one larger read, in hexadecimal. A forked child begins with a read of its own."""

    def __init__(self, batch: int = 8192) -> None:
        self._batch = batch
        self.forget()

    def forget(self) -> None:
        self._pool = ""
        self._at = 0

    def take(self, count: int) -> str:
        start = self._at
        end = start + count
        if end > len(self._pool):
            self._pool, start, end = os.urandom(max(self._batch, count)).hex(), 0, count
        self._at = end
        return self._pool[start:end]


_random = _RandomDigits()
os.register_at_fork(after_in_child=_random.forget)
# For each random digit the digit that has RFC 9562's variant in its upper bits.
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


def new_uuid() -> str:
    """Return a random UUID (version 4) in lower case with dashes."""
    digits = _random.take(31)
    return f"{digits[:8]}-{digits[8:12]}-4{digits[12:15]}-{_VARIANT[digits[15]]}{digits[16:19]}-{digits[19:]}"


def new_request_id() -> str:
    return new_uuid()


def new_invocation_id(now_ms: int) -> str:
    """Return a random UUID (version 4) that begins with 16 bits of the time `now_ms` (UTC ms), in steps of 64 ms.

    What is found by the invocations of one moment lies together in the store's index then, whose pages fewer commits
    write: of the segment of a trace, which is the id's beginning, 44 bits are random.
    """
    return f"{now_ms >> 6 & 0xFFFF:04x}{new_uuid()[4:]}"


def host_id(request_id: str) -> str:
    """Return what S3 answers as the id of its host, which here depends on the request alone."""
    return base64.b64encode(hashlib.sha256(request_id.encode()).digest()).decode()


def new_event_id(now_ms: int | None = None) -> str:
    """Return a UUID (version 7). It begins with the time, so that an event is found in the bus's history by its id.

    `now_ms` is UTC ms, by default the present.
    """
    return new_event_ids(1, time.time_ns() // 1_000_000 if now_ms is None else now_ms)[0]


def new_event_ids(count: int, now_ms: int) -> list[str]:
    """Return `count` event ids of the time `now_ms` (UTC ms), which cost less together than one by one."""
    moment = f"{now_ms:012x}"
    head = f"{moment[:8]}-{moment[8:]}-7"
    digits = _random.take(19 * count)
    return [
        f"{head}{digits[at : at + 3]}-{_VARIANT[digits[at + 3]]}{digits[at + 4 : at + 7]}-{digits[at + 7 : at + 19]}"
        for at in range(0, 19 * count, 19)
    ]


def event_id_time(event_id: str) -> int | None:
    """Return the UTC ms in which `new_event_id` made the id; None for an id of another kind."""
    text = event_id.replace("-", "")
    if len(text) != 32 or text[12] != "7":
        return None
    try:
        return int(text[:12], 16)
    except ValueError:
        return None


def new_hex(digits: int = 32) -> str:
    return _random.take(digits)


def new_physical_suffix(length: int = 12) -> str:
    """Return `length` random letters of both cases and digits, with which CloudFormation ends physical names."""
    return "".join(secrets.choice(_ALPHANUMERIC) for _ in range(length))


def new_lower_suffix(length: int = 12) -> str:
    """Return the same in lower case, for names that require it, such as those of buckets."""
    return "".join(secrets.choice(_LOWER_ALPHANUMERIC) for _ in range(length))


def new_iam_id(prefix: str) -> str:
    """Return an IAM unique id: the prefix (`AROA` for a role, `ANPA` for a policy) and 17 characters."""
    return prefix + "".join(secrets.choice(_UPPER_BASE32) for _ in range(17))
