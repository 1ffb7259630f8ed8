"""Lists records in the order of their keys, and rolls keys up into common prefixes."""

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
    """Stands for all keys that begin with `prefix`, which ends with the delimiter."""

    prefix: str

    @property
    def end(self) -> str:
        """A key that sorts after all keys under the prefix."""
        return self.prefix + _LAST


def roll_up(key: str, prefix: str, delimiter: str) -> str | None:
    """Return the common prefix of `key`: its text up to the first delimiter after `prefix`. None if it has none."""
    if not delimiter:
        return None
    at = key.find(delimiter, len(prefix))
    return key[: at + len(delimiter)] if at >= 0 else None


async def list_in_order(
    ctx: Context,
    kind: str,
    prefix: str,
    delimiter: str,
    after: str,
    included: Callable[[Record], bool] = lambda record: True,
    key_of: Callable[[Record], str] = lambda record: record.key,
) -> AsyncGenerator[Record | CommonPrefix, None]:
    """List the records of one kind in the order of their keys, and each common prefix once in place of its keys.

    The listing begins after the key `after`. `included` leaves records out; `key_of` gives a record's object key.
    """
    last = ""
    while True:
        batch = await ctx.store.list(SYSTEM, kind, prefix=prefix, after=after, limit=_BATCH)
        for record in batch:
            after = record.key
            if not included(record):
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


def page_size(requested: int, name: str) -> int:
    if requested < 0:
        text = f"Argument {name} must be an integer between 0 and 2147483647"
        raise invalid_argument(text, name, requested)
    return min(requested, LARGEST_PAGE)
