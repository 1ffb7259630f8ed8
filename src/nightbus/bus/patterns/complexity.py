"""Computes the complexity of the wildcards of one field, which AWS limits.

The complexity is the largest number of states of AWS's matcher that a value can make active at once, over all wildcards
of the field. It follows from the expressions: a star that was reached stays active, so once all stars are active, the
worst value is the one whose end is the beginning of the most literals after stars.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from nightbus.bus.patterns.wildcards import Parts

LIMIT = 10

Segments = tuple[bytes, ...]  # a wildcard's parts in AWS's form: UTF-8 with the quotes


def score(wildcards: Iterable[Parts]) -> int:
    """Return the largest number of active states: exact up to `LIMIT`, else any number above it."""
    rules = sorted({_segments(parts) for parts in wildcards})
    if len(rules) > LIMIT:
        return len(rules)
    worst = max((_while_anchored(rules, anchor) for anchor in {rule[0] for rule in rules}), default=0)
    for anchor in {rule[0] for rule in rules}:
        alive = [rule for rule in rules if anchor.startswith(rule[0]) and len(rule) > 1]
        stars = sum(len(rule) - 1 for rule in alive)
        worst = max(worst, stars + _shared_beginnings(alive))
    return worst


def _segments(parts: Parts) -> Segments:
    encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
    encoded[0] = b'"' + encoded[0]
    encoded[-1] += b'"'
    return tuple(encoded)


def _while_anchored(rules: Sequence[Segments], value: bytes) -> int:
    """Return the largest number of active states while `value` is read from its beginning."""
    alive = {(rule, 0, 0) for rule in range(len(rules))}
    worst = 0
    for byte in value:
        following: set[tuple[int, int, int]] = set()
        for rule, segment, offset in alive:
            literal = rules[rule][segment]
            if segment and not offset:
                following.add((rule, segment, 0))
            if offset < len(literal) and literal[offset] == byte:
                following.add((rule, segment, offset + 1))
                if offset + 1 == len(literal) and segment + 1 < len(rules[rule]):
                    following.add((rule, segment + 1, 0))
        alive = following
        worst = max(worst, len(alive))
        if worst > LIMIT:
            break
    return worst


def _shared_beginnings(rules: Sequence[Segments]) -> int:
    """Return the most beginnings of literals after stars that one value can end with at once (Aho-Corasick)."""
    follow: list[dict[int, int]] = [{}]
    count = [0]
    for literal in (segment for rule in rules for segment in rule[1:]):
        node = 0
        for byte in literal:
            if byte not in follow[node]:
                follow[node][byte] = len(follow)
                follow.append({})
                count.append(0)
            node = follow[node][byte]
            count[node] += 1
    fail = [0] * len(follow)
    queue = deque(follow[0].values())
    while queue:
        node = queue.popleft()
        count[node] += count[fail[node]]
        for byte, child in follow[node].items():
            back = fail[node]
            while back and byte not in follow[back]:
                back = fail[back]
            fail[child] = follow[back].get(byte, 0)
            queue.append(child)
    return max(count)
