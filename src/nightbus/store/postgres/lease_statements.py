"""Defines the statements by which items are leased and looked at, each by an index and none by sorting a queue.

Parameters begin with the number of the queue; `now`, `ends` and all other times are UTC ms. An item is leased where
`ready` differs from `due`: until `ready`.

The token of a lease is a random number of its statement, mixed with the item's id: so none comes twice, whichever node
makes it. Who takes items of a group has locked the group's first item before, and looks at the group again after that,
by a statement of its own, which sees what was committed until then.
"""

from __future__ import annotations

# `+ 0`: not by the index over `ready`, which a planner without statistics takes for a good one.
_LEASED = "queue = $1 AND ready <> due AND ready + 0 > $2"
_SET = """
UPDATE item SET ready = $3, token = $4 # item.id, attempts = attempts + 1,
                first = CASE WHEN attempts = 0 THEN $2 ELSE first END, holder = $5
"""
_TAKEN = " RETURNING item.id, item.data, item.due, item.attempts, item.token, item.first"

# Of all that follow: queue, now, ends, token, holder; then what is chosen.
TAKE = f"""{_SET}
WHERE queue = $1 AND id = ANY(ARRAY(
    SELECT id FROM item WHERE queue = $1 AND ready <= $2 ORDER BY ready, id LIMIT $6 FOR UPDATE SKIP LOCKED))
{_TAKEN}"""  # noqa: S608 - made of constants
TAKE_ONE = f"{_SET} WHERE queue = $1 AND id = $6 AND ready + 0 <= $2 {_TAKEN}"
TAKE_ONE_OF_GROUP = f"""{_SET}
WHERE queue = $1 AND id = $6 AND grp = $7 AND ready + 0 <= $2
      AND NOT EXISTS (SELECT FROM item AS other WHERE {_LEASED} AND other.grp = $7)
{_TAKEN}"""
TAKE_AGAIN = (
    f"{_SET} WHERE queue = $1 AND id = $6 AND token = $7 AND ready <> due AND ready + 0 > $2 {_TAKEN}"
)

# The first `limit` of each of the groups $6, whose first items are $7, as far as they are due.
TAKE_GROUPS = f"""
WITH free AS (
    SELECT grp, head, number FROM unnest($6::text[], $7::bigint[]) WITH ORDINALITY AS wanted (grp, head, number)
    WHERE NOT EXISTS (SELECT FROM item WHERE {_LEASED} AND item.grp = wanted.grp AND item.grp <> '')
), chosen AS (
    SELECT member.id FROM free CROSS JOIN LATERAL (
        SELECT id, bool_and(ready <= $2) OVER so_far AS due, min(id) OVER so_far AS head
        FROM (SELECT id, ready FROM item WHERE queue = $1 AND grp = free.grp AND grp <> ''
              ORDER BY grp, id LIMIT $8) AS first_ones
        WINDOW so_far AS (ORDER BY id)
    ) AS member
    WHERE member.due AND member.head = free.head ORDER BY free.number, member.id LIMIT $8
)
{_SET} FROM chosen WHERE item.queue = $1 AND item.id = chosen.id AND item.ready + 0 <= $2
{_TAKEN}, item.grp"""  # noqa: S608 - made of constants

# The same for items that name no group, which wait for one another too; $6 is the first of them.
TAKE_UNGROUPED = f"""
WITH chosen AS (
    SELECT id FROM (
        SELECT id, bool_and(ready <= $2) OVER so_far AS due, min(id) OVER so_far AS head
        FROM (SELECT id, ready FROM item WHERE queue = $1 AND grp = '' ORDER BY id LIMIT $7) AS first_ones
        WINDOW so_far AS (ORDER BY id)
    ) AS member
    WHERE member.due AND member.head = $6
          AND NOT EXISTS (SELECT FROM item WHERE {_LEASED} AND item.grp = '') ORDER BY id
)
{_SET} FROM chosen WHERE item.queue = $1 AND item.id = chosen.id AND item.ready + 0 <= $2
{_TAKEN}"""  # noqa: S608 - made of constants

# Find at most $4 groups beyond $3 of which nobody has an item, going from group to group by the index, and lock the
# first items of $5 of them, the oldest. Items without a group are looked at when one of them is the first of the queue.
# The last row says how many were found, and the last of the groups.
LOCK_HEADS = f"""
WITH RECURSIVE head (grp, id, ready) AS (
    (SELECT grp, id, ready FROM item WHERE queue = $1 AND grp > $3 AND grp <> ''
     AND EXISTS (SELECT FROM item WHERE queue = $1 AND ready <= $2) ORDER BY grp, id LIMIT 1)
    UNION ALL
    SELECT next.grp, next.id, next.ready FROM head CROSS JOIN LATERAL (
        SELECT grp, id, ready FROM item WHERE queue = $1 AND grp > head.grp AND grp <> '' ORDER BY grp, id LIMIT 1
    ) AS next
), found AS (
    (SELECT id, grp FROM head WHERE ready <= $2
     AND NOT EXISTS (SELECT FROM item WHERE {_LEASED} AND item.grp = head.grp AND item.grp <> '') LIMIT $4)
    UNION ALL
    SELECT id, grp FROM (SELECT id, grp, ready FROM item WHERE queue = $1 ORDER BY id LIMIT 1) AS first_of_all
    WHERE grp = '' AND ready <= $2
), locked AS (
    SELECT item.id, item.grp FROM (SELECT id FROM found ORDER BY id LIMIT $5) AS oldest
    JOIN item ON item.queue = $1 AND item.id = oldest.id WHERE item.ready + 0 <= $2 FOR UPDATE OF item SKIP LOCKED
)
SELECT id, grp, 0 FROM locked UNION ALL SELECT NULL, max(grp), count(*) FROM found"""  # noqa: S608 - made of constants
LOCK_HEAD = (
    "SELECT id FROM item WHERE queue = $1 AND grp = $2 AND grp <> '' ORDER BY grp, id LIMIT 1 FOR UPDATE"
)
LOCK_UNGROUPED = "SELECT id FROM item WHERE queue = $1 AND grp = '' ORDER BY id LIMIT 1 FOR UPDATE"

# Queue, item, ends, token or NULL, holder (NULL: nobody works on it).
CHANGE = """
UPDATE item SET ready = $3, holder = $5
WHERE queue = $1 AND id = $2 AND ready <> due AND ($4::bigint IS NULL OR token = $4) RETURNING id"""
EXTEND = "UPDATE item SET ready = ready + $2 WHERE holder = $1 AND ready <> due"
END_ALL = (
    "UPDATE item SET ready = due, token = 0, holder = NULL WHERE holder = $1 AND ready <> due RETURNING queue"
)
UNDO = """
UPDATE item SET ready = due, token = 0, holder = NULL, attempts = attempts - 1,
                first = CASE WHEN attempts = 1 THEN 0 ELSE first END
WHERE queue = $1 AND (id, token) IN (SELECT * FROM unnest($2::bigint[], $3::bigint[]))"""
NEWEST = """
SELECT token, CASE WHEN ready = due THEN 0 ELSE ready END, first FROM item
WHERE queue = $1 AND id = $2 AND attempts > 0"""

NEXT_READY = "SELECT ready FROM item WHERE queue = $1 AND ready > $2 ORDER BY ready, id LIMIT 1"
FIRST_READY = """
SELECT waited.queue, (SELECT ready FROM item WHERE item.queue = waited.queue ORDER BY ready, id LIMIT 1)
FROM unnest($1::bigint[]) AS waited (queue)"""

COUNT = f"""
SELECT (SELECT count(*) FROM item WHERE queue = $1 AND ready <= $2),
       (SELECT count(*) FROM item WHERE {_LEASED}),
       (SELECT count(*) FROM item WHERE queue = $1 AND ready > $2)"""  # noqa: S608 - made of constants
UNTAKEN = """
SELECT count(*) FROM (
    SELECT FROM item WHERE queue = $1 AND ready <= $2 AND attempts = 0 LIMIT $3) AS counted"""
LEASED = f"SELECT count(*) FROM (SELECT FROM item WHERE {_LEASED} LIMIT $3) AS counted"  # noqa: S608 - constants
OLDEST_DUE = """
SELECT min(due) FROM (
    (SELECT due FROM item WHERE queue = $1 AND ready = due AND ready <= $2 ORDER BY ready, id LIMIT 1)
    UNION ALL
    (SELECT due FROM item WHERE queue = $1 AND ready <> due AND due <= $2 ORDER BY due, id LIMIT 1)) AS oldest"""

_SEEN = "id, data, due, grp, attempts, first, CASE WHEN ready <> due AND ready > $2 THEN ready ELSE 0 END"
PEEK_ITEMS = f"""
SELECT {_SEEN} FROM item WHERE queue = $1 AND id = ANY($6::bigint[])
AND (due, id) {{beyond}} ($3, $4) ORDER BY due {{order}}, id {{order}} LIMIT $5"""  # noqa: S608 - made of constants
PEEK = f"""
SELECT {_SEEN} FROM (
    (SELECT * FROM item WHERE queue = $1 AND ready = due AND (ready, id) {{beyond}} ($3, $4)
     ORDER BY ready {{order}}, id {{order}} LIMIT $5)
    UNION ALL
    (SELECT * FROM item WHERE queue = $1 AND ready <> due AND (due, id) {{beyond}} ($3, $4)
     ORDER BY due {{order}}, id {{order}} LIMIT $5)
) AS seen ORDER BY due {{order}}, id {{order}} LIMIT $5"""  # noqa: S608 - made of constants
