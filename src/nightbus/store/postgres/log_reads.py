"""Reads the entries of logs: of one by offset, of several merged by time, and how much room they take.

Several logs are merged without reading all of each: a few positions of every log come from the index by time, and more
only of those logs whose next entries may still be among the ones that are wanted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from nightbus.aws.calls import Scope
from nightbus.store.interface import Entry
from nightbus.store.postgres.texts import original, stored
from nightbus.store.ranges import Range, after_prefix
from nightbus.store.scopes import scope_text

if TYPE_CHECKING:
    import asyncpg

    from nightbus.store.postgres.patient_reads import PatientReader

    Reader = asyncpg.Pool | PatientReader | asyncpg.Connection

_FEWEST = 16  # positions of each log that a merge asks for at first
_SMALLEST, _LARGEST = -(1 << 63), (1 << 63) - 1
_NUMBER = "(SELECT id FROM name WHERE scope = $1 AND kind = 'log' AND name = $2)"


class _Place(NamedTuple):
    """Of an entry, in the order in which logs are merged. Logs count by themselves, so two may have one position."""

    time: int
    position: int
    log: str
    number: int  # the log's


async def entries(reader: Reader, scope: Scope, name: str, selection: Range) -> list[Entry]:
    """The entries of one log, in order of offset."""
    conditions, values = _conditions(selection, first=4)
    order = f"position {'DESC' if selection.backwards else 'ASC'}"
    by_position = selection.key or (selection.since is None and selection.until is None)
    query = (_BY_POSITION if by_position else _BY_TIME).format(conditions=conditions, order=order)
    rows = await reader.fetch(query, scope_text(scope), stored(name), selection.limit, *values)
    return [Entry(name, position, time, data, original(key)) for position, time, data, key in rows]


_BY_POSITION = f"""
SELECT position, time, data, key FROM entry WHERE log = {_NUMBER}{{conditions}} ORDER BY {{order}} LIMIT $3
"""  # noqa: S608 - made of constants
# So that the server goes by the index of times: it would guess that a range of times has entries everywhere, and walk
# from one end of the log to where it begins.
_BY_TIME = f"""
WITH within AS MATERIALIZED (SELECT position FROM entry WHERE log = {_NUMBER}{{conditions}}),
     chosen AS MATERIALIZED (SELECT position FROM within ORDER BY {{order}} LIMIT $3)
SELECT entry.position, time, data, key FROM chosen JOIN entry
    ON log = {_NUMBER} AND entry.position = chosen.position ORDER BY entry.{{order}}
"""  # noqa: S608 - made of constants


async def merged_entries(reader: Reader, scope: Scope, names: Sequence[str], selection: Range) -> list[Entry]:
    """The entries of several logs by (time, offset, log)."""
    numbers = await reader.fetch(
        "SELECT id, name FROM name WHERE scope = $1 AND kind = 'log' AND name = ANY($2::text[])",
        scope_text(scope),
        [stored(name) for name in dict.fromkeys(names)],
    )
    logs = {number: original(name) for number, name in numbers}
    places = await _merged_places(reader, logs, selection)
    rows = await reader.fetch(
        "SELECT entry.log, entry.position, time, data, key FROM unnest($1::bigint[], $2::bigint[])"
        " AS place (log, position) JOIN entry ON entry.log = place.log AND entry.position = place.position",
        [place.number for place in places],
        [place.position for place in places],
    )
    found = [Entry(logs[log], position, time, data, original(key)) for log, position, time, data, key in rows]
    return sorted(found, key=lambda entry: (entry.time, entry.offset, entry.log), reverse=selection.backwards)


async def _merged_places(reader: Reader, logs: Mapping[int, str], selection: Range) -> list[_Place]:
    """Where the entries are: first a few of each log, then more of those logs that are not read far enough."""
    outermost = _LARGEST if selection.backwards else _SMALLEST
    reached = {log: _Place(outermost, outermost, name, log) for log, name in logs.items()}
    number = min(selection.limit, max(_FEWEST, 2 * selection.limit // max(1, len(logs))))
    places: list[_Place] = []
    while reached and selection.limit > 0:
        rows = await _places(reader, reached, selection, number)
        counts = dict.fromkeys(reached, 0)
        for row in rows:  # of each log in its order
            counts[row.number] += 1
            reached[row.number] = row
        places = sorted(places + rows, reverse=selection.backwards)[: selection.limit]
        reached = {
            log: place
            for log, place in reached.items()
            if counts[log] == number
            and (len(places) < selection.limit or _is_before(place, places[-1], selection))
        }
        number *= 2
    return places


def _is_before(place: _Place, last: _Place, selection: Range) -> bool:
    return place > last if selection.backwards else place < last


async def _places(
    reader: Reader, reached: Mapping[int, _Place], selection: Range, number: int
) -> list[_Place]:
    """Of each log at most `number` after the place that was reached."""
    conditions, values = _conditions(selection, first=5)
    side, direction = ("<", "DESC") if selection.backwards else (">", "ASC")
    query = _PLACES.format(
        conditions=conditions,
        side=side,
        order=f"time {direction}, position {direction}",
        fence="OFFSET 0"
        if selection.key
        else "",  # by the index of keys, and not by the order that is wanted
    )
    rows = await reader.fetch(
        query,
        list(reached),
        [place.time for place in reached.values()],
        [place.position for place in reached.values()],
        number,
        *values,
    )
    return [_Place(time, position, reached[log].log, log) for time, position, log in rows]


_PLACES = """
SELECT next.time, next.position, reached.log
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS reached (log, time, position)
CROSS JOIN LATERAL (
    SELECT time, position FROM (
        SELECT time, position FROM entry
        WHERE log = reached.log AND (entry.time, entry.position) {side} (reached.time, reached.position){conditions}
        {fence}) AS suited
    ORDER BY {order} LIMIT $4) AS next
"""


def _conditions(selection: Range, first: int) -> tuple[str, list[Any]]:
    """What the selection says of an entry; its values are the parameters from the number `first` on."""
    key = None if selection.key is None else stored(selection.key)
    terms: list[tuple[str, Any]] = [
        ("entry.position < $" if selection.backwards else "entry.position > $", selection.after or None),
        ("entry.time >= $", selection.since),
        ("entry.time < $", selection.until),
        # The index of keys leaves out the empty ones.
        ("key <> '' AND key = $" if key else "key = $", key),
    ]
    chosen = [(text, value) for text, value in terms if value is not None]
    text = "".join(f" AND {text}{number}" for number, (text, _) in enumerate(chosen, first))
    return text, [value for _, value in chosen]


# What an entry takes in its table: the header of a row with its pointer and four columns, the key, and the data, which
# lie in a table beside where the row would be larger than 2 kB, in pieces of 1,996 bytes with 36 bytes of their own.
# https://www.postgresql.org/docs/current/storage-page-layout.html and storage-toast.html
_STORED = "56 + octet_length(key) + pg_column_size(data) * CASE WHEN pg_column_size(data) > 2000 THEN 1.04 ELSE 1 END"


async def log_sizes(reader: Reader, scope: Scope, name: str, step_ms: int) -> dict[int, int]:
    rows = await reader.fetch(
        f"SELECT time / $3 * $3, sum({_STORED})::bigint FROM entry WHERE log = {_NUMBER} GROUP BY 1",  # noqa: S608
        scope_text(scope),
        stored(name),
        step_ms,
    )
    return dict(map(tuple, rows))


async def logs(reader: Reader, scope: Scope, prefix: str) -> list[str]:
    """Those that hold entries."""
    first = stored(prefix)
    end = after_prefix(first)
    before = "" if end is None else " AND name.name < $3"
    # The order and the limit keep the server from reading all entries, to join them with the names, or in search of one
    # of a log that has none.
    rows = await reader.fetch(
        "SELECT name.name FROM name CROSS JOIN LATERAL"  # noqa: S608 - made of constants
        " (SELECT 1 FROM entry WHERE log = name.id ORDER BY position LIMIT 1) AS held"
        f" WHERE scope = $1 AND kind = 'log' AND name.name >= $2{before} ORDER BY name.name",
        scope_text(scope),
        first,
        *(() if end is None else (end,)),
    )
    return [original(row[0]) for row in rows]
