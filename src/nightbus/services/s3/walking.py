"""In which order are the keys of a bucket listed, and which of them roll up into a common prefix?"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass

from nightbus.services.context import Context
from nightbus.services.s3.errors import invalid_argument
from nightbus.store.interface import SYSTEM, Record

LARGEST_PAGE = 1000
_LAST = "\U0010ffff"
_BATCH = 250


@dataclass(frozen=True, slots=True)
class CommonPrefix:
    """All keys that go on alike as far as the delimiter."""

    prefix: str

    @property
    def end(self) -> str:
        """Where the keys under it are over."""
        return self.prefix + _LAST


def roll_up(key: str, prefix: str, delimiter: str) -> str | None:
    """The common prefix that `key` belongs to."""
    if not delimiter:
        return None
    at = key.find(delimiter, len(prefix))
    return key[: at + len(delimiter)] if at >= 0 else None


async def walk(
    ctx: Context,
    kind: str,
    prefix: str,
    delimiter: str,
    after: str,
    shown: Callable[[Record], bool] = lambda record: True,
    key_of: Callable[[Record], str] = lambda record: record.key,
) -> AsyncGenerator[Record | CommonPrefix, None]:
    """The records of one kind in the order of their keys, each common prefix once in place of what is under it."""
    last = ""
    while True:
        batch = await ctx.store.list(SYSTEM, kind, prefix=prefix, after=after, limit=_BATCH)
        for record in batch:
            after = record.key
            if not shown(record):
                continue
            common = roll_up(key_of(record), prefix, delimiter)
            if common is None:
                yield record
            elif common != last:
                last = common
                yield CommonPrefix(common)
                after = CommonPrefix(common).end
                break
        else:
            if len(batch) < _BATCH:
                return


def page_size(asked: int, name: str) -> int:
    if asked < 0:
        text = f"Argument {name} must be an integer between 0 and 2147483647"
        raise invalid_argument(text, name, asked)
    return min(asked, LARGEST_PAGE)
