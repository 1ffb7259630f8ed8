"""Ids of invocations begin with the time, and are random beyond that."""

from __future__ import annotations

import uuid

from nightbus.aws.ids import new_invocation_id
from nightbus.aws.trace_header import segment_of


def test_the_id_of_an_invocation_is_a_random_uuid() -> None:
    made = [uuid.UUID(new_invocation_id(1_790_000_000_000)) for _ in range(1000)]
    assert {one.version for one in made} == {4}
    assert {one.variant for one in made} == {uuid.RFC_4122}
    assert len({segment_of(str(one)) for one in made}) == len(made)


def test_the_ids_of_one_moment_begin_alike_and_later_ones_follow() -> None:
    first, second, later = (new_invocation_id(64 * step)[:4] for step in (77_000, 77_000, 77_001))
    assert first == second
    assert int(later, 16) == int(first, 16) + 1
