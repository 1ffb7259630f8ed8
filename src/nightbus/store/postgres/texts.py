"""Writes texts so that PostgreSQL takes them: its type `text` holds every character but NUL.

Names of logs and queues, keys of entries, groups of items and owners of blobs come from clients, and SQLite keeps a NUL
in them. So U+0000 is kept as U+0001 U+0001 and U+0001 as U+0001 U+0002; all other texts are kept as they are. What is
kept sorts as the texts do, and begins with what is kept of a prefix where the text begins with the prefix.
Source: https://www.postgresql.org/docs/current/datatype-character.html, of the character with the code zero.
"""

from __future__ import annotations

_NUL, _MARK = "\0", "\1"


def stored(text: str) -> str:
    """The text as the database keeps it."""
    if _NUL in text or _MARK in text:
        return text.replace(_MARK, "\1\2").replace(_NUL, "\1\1")
    return text


def original(kept: str) -> str:
    """The text of which `stored` made `kept`."""
    if _MARK in kept:
        return kept.replace("\1\1", _NUL).replace("\1\2", _MARK)
    return kept
