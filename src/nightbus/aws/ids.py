"""How are ids made? Random bytes are fetched in batches, since one system call an id is what costs."""

from __future__ import annotations

import os
import secrets
import string
import time

_UPPER_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_LOWER_ALPHANUMERIC = string.ascii_lowercase + string.digits
_ALPHANUMERIC = string.ascii_letters + string.digits


class _RandomBytes:
    """Hands out slices of one larger read; a forked child begins with a read of its own."""

    def __init__(self, batch: int = 16_384) -> None:
        self._batch = batch
        self.forget()

    def forget(self) -> None:
        self._pool = b""
        self._at = 0

    def take(self, count: int) -> bytes:
        start = self._at
        end = start + count
        if end > len(self._pool):
            self._pool, start, end = os.urandom(self._batch), 0, count
        self._at = end
        return self._pool[start:end]


_random = _RandomBytes()
os.register_at_fork(after_in_child=_random.forget)


def new_uuid() -> str:
    """A random UUID (version 4), lower case with dashes."""
    raw = bytearray(_random.take(16))
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    return _dashed(raw.hex())


def new_request_id() -> str:
    return new_uuid()


def new_event_id(now_ms: int | None = None) -> str:
    """A UUID (version 7): it begins with its time, so an event is found in the bus history by its id alone."""
    when = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    raw = bytearray(when.to_bytes(6, "big") + _random.take(10))
    raw[6] = raw[6] & 0x0F | 0x70
    raw[8] = raw[8] & 0x3F | 0x80
    return _dashed(raw.hex())


def event_id_time(event_id: str) -> int | None:
    """The millisecond in which `new_event_id` made this id; None when it is not one of those."""
    text = event_id.replace("-", "")
    if len(text) != 32 or text[12] != "7":
        return None
    try:
        return int(text[:12], 16)
    except ValueError:
        return None


def new_hex(digits: int = 32) -> str:
    return _random.take((digits + 1) // 2).hex()[:digits]


def new_physical_suffix(length: int = 12) -> str:
    """The random end of a physical name that CloudFormation makes: letters and digits of both cases."""
    return "".join(secrets.choice(_ALPHANUMERIC) for _ in range(length))


def new_lower_suffix(length: int = 12) -> str:
    """The same for names that must be lower case, such as buckets."""
    return "".join(secrets.choice(_LOWER_ALPHANUMERIC) for _ in range(length))


def new_iam_id(prefix: str) -> str:
    """An IAM unique id: `AROA` (role), `ANPA` (policy) … and 17 characters."""
    return prefix + "".join(secrets.choice(_UPPER_BASE32) for _ in range(17))


def _dashed(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
