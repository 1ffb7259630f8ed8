"""Compares strings without regard to case, as event-ruler does.

Each character of the rule accepts its lower and its upper form, one UTF-16 unit at a time. So `ß` accepts `SS`, but not
the reverse, and letters outside the basic plane accept only themselves. Python's `casefold` differs.
"""

from __future__ import annotations

Folds = tuple[tuple[str, ...], ...]


def folds(text: str) -> Folds:
    return tuple(_forms(char) for char in text)


def _forms(char: str) -> tuple[str, ...]:
    if char > "\uffff":
        return (char,)
    lower, upper = char.lower(), char.upper()
    return (lower,) if lower == upper else (lower, upper)


def equals(rule: Folds, value: str) -> bool:
    return len(value) in _ends(rule, value)


def starts(rule: Folds, value: str) -> bool:
    return bool(_ends(rule, value))


def ends(rule: Folds, value: str) -> bool:
    backwards = tuple(tuple(form[::-1] for form in forms) for forms in reversed(rule))
    return bool(_ends(backwards, value[::-1]))


def _ends(rule: Folds, value: str) -> set[int]:
    """Return the positions in the value at which the rule may end; several, as forms differ in length."""
    offsets = {0}
    for forms in rule:
        offsets = {
            offset + len(form) for offset in offsets for form in forms if value.startswith(form, offset)
        }
        if not offsets:
            break
    return offsets
