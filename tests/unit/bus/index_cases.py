"""Rules and events that meet often, for the rule index: every operator, few names, few values and their near misses.

Rules are drawn by hypothesis, which makes failures small. Events are many for each set of rules, so they come from a
seed: as texts, since how a number is written, an escape or a name that is there twice is what a reader stumbles over.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from random import Random
from typing import Any

from hypothesis import strategies as st

from nightbus.bus.json_text import parse_json
from nightbus.bus.patterns.rule import Branch, Field

NAMES = ["source", "detail", "x", "y", "", "é"]
# No reader of few members takes it; rarely used, so that most events are read by one.
ODD_NAME = 'o"d'
TEXTS = [
    *(
        "",
        "a",
        "b",
        "A",
        "B",
        "ab",
        "abc",
        "aBc",
        "ba",
        "cab",
        "a*",
        "ß",
        "SS",
        "ς",
        "Σ",
        "σ",
        "İ",
        "ı",
        "i",
        "𐐀",
    ),
    *(
        "10.0.0.1",
        "010.0.0.1",
        "10.1.2.3",
        "11.0.0.1",
        "::1",
        "0:0::1",
        "::ffff:10.0.0.1",
        "true",
        "null",
        "1",
    ),
]
# As JSON: spellings of the same number, neighbours, and some that no double holds.
NUMBERS = [
    *(
        "0",
        "-0",
        "0.0",
        "-0.0",
        "1",
        "1.0",
        "1e0",
        "10e-1",
        "-1",
        "2",
        "0.5",
        "1.5",
        "0.1",
        "100",
        "1e2",
        "1e300",
    ),
    *("0.1000000000000000055511151231257827", "9007199254740992", "9007199254740993", "9007199254740992.0"),
    *(
        "9007199254740993.0",
        "123456789012345678",
        "1e400",
        "-1e400",
        "12345678901234567890123",
        "1" * 4100,
        "5e-324",
    ),
]
COMPARABLE = [0, 1, -1, 2, 0.5, 1.5, 0.1, 100, 1e300, 5e-324, 9007199254740992, -0.0]
WILDCARDS = ["*", "a*", "*b", "a*b", "*b*", "a*c", "*ab*", "b*a", "*a*b", "a\\*", "ab", "*ß"]
# Escapes, among them what is no character: half a pair, alone or before something else.
WRITTEN = [
    '"\\u0061"',
    '"\\ud800"',
    '"\\ud800a"',
    '"\\ud800\\u0061"',
    '"\\ud801\\udc00"',
    '"a\\u0062"',
    '"\\u00e9"',
]

_texts = st.sampled_from(TEXTS)
_lists = st.lists(_texts, min_size=1, max_size=3)
_any_case = st.fixed_dictionaries({"equals-ignore-case": _texts})
_numbers = st.sampled_from(COMPARABLE)


# A number of a rule, to be written just so: json.dumps would write its own spelling, and cannot keep what is no double.
_SPELLED = "number:"


def pattern_text(rule: Any) -> str:
    return re.sub(rf'"{_SPELLED}([^"]+)"', r"\1", json.dumps(rule))


def _range(terms: tuple[str, float, str, float]) -> list[str | float]:
    low, bottom, high, top = terms
    return [low, min(bottom, top), high, max(bottom, top)] if bottom != top else ["=", bottom]


# Neighbours: no double lies between them.
_nothing = st.sampled_from([(0, 5e-324), (1, 1.0000000000000002), (-5e-324, 0)]).map(
    lambda ends: [">", ends[0], "<", ends[1]]
)
_numeric = (
    _nothing
    | st.tuples(st.sampled_from(["=", "<", "<=", ">", ">="]), _numbers).map(list)
    | st.tuples(st.sampled_from([">", ">="]), _numbers, st.sampled_from(["<", "<="]), _numbers).map(_range)
)
_anything_but = (
    _texts
    | _numbers
    | _lists
    | st.lists(_numbers, min_size=1, max_size=3)
    | st.fixed_dictionaries(
        {"prefix": _texts.filter(bool) | st.lists(_texts.filter(bool), min_size=1, max_size=2)}
    )
    | st.fixed_dictionaries(
        {"suffix": _texts.filter(bool) | st.lists(_texts.filter(bool), min_size=1, max_size=2)}
    )
    | st.fixed_dictionaries({"equals-ignore-case": _lists})
    | st.fixed_dictionaries({"wildcard": st.lists(st.sampled_from(WILDCARDS), min_size=1, max_size=2)})
)
_blocks = st.sampled_from(["10.0.0.0/8", "10.0.0.1/31", "0.0.0.0/0", "::/0", "::1/127", "10.1.0.0/16"])
MATCHERS: st.SearchStrategy[Any] = st.one_of(
    _texts,
    _texts,
    _texts,
    st.sampled_from([f"{_SPELLED}{text}" for text in NUMBERS if len(text) < 100]),
    st.booleans(),
    st.none(),
    st.fixed_dictionaries({"exactly": _texts}),
    st.fixed_dictionaries({"prefix": _texts | _any_case}),
    st.fixed_dictionaries({"suffix": _texts | _any_case}),
    _any_case,
    st.fixed_dictionaries({"wildcard": st.sampled_from(WILDCARDS)}),
    st.fixed_dictionaries({"exists": st.booleans()}),
    st.fixed_dictionaries({"numeric": _numeric}),
    st.fixed_dictionaries({"anything-but": _anything_but}),
    st.fixed_dictionaries({"cidr": _blocks}),
)
_names = st.sampled_from([*NAMES * 8, *["x.y"] * 8, ODD_NAME])
_values = st.lists(MATCHERS, min_size=1, max_size=3)
RULES: st.SearchStrategy[dict[str, Any]] = st.recursive(
    st.dictionaries(_names, _values, min_size=1, max_size=3),
    lambda inner: (
        st.dictionaries(_names, _values | inner, min_size=1, max_size=3)
        | st.builds(
            lambda fields, branches: {**fields, "$or": branches},
            st.dictionaries(_names, _values, max_size=2),
            st.lists(inner, min_size=2, max_size=3),
        )
    ),
    max_leaves=5,
)


Tree = dict[str, "str | Tree"]  # names to JSON texts and objects

_STRINGS = [json.dumps(text, ensure_ascii=False) for text in TEXTS] + WRITTEN
VALUES = [*_STRINGS, *NUMBERS, "true", "false", "null"]
_READ = [(text, parse_json(text)) for text in VALUES]


def event_text(random: Random, branches: Sequence[Branch], arrays: float) -> str:
    """A JSON object, mostly one that some branch accepts but for little; `arrays` is how often a value becomes one."""
    tree: Tree = {}
    if branches and random.random() < 0.85:
        for field in random.choice(branches):
            value = _accepted(random, field) if random.random() < 0.9 else random.choice(VALUES)
            if value is not None:
                _put(random, tree, field.path, value)
    for _ in range(random.randrange(0, 3)):
        path = ".".join(random.choices([*NAMES, ODD_NAME], k=random.randrange(1, 4)))
        _put(random, tree, path, random.choice([*VALUES, "{}", "[]", "[[]]"]))
    return _written(random, tree, arrays)


def _accepted(random: Random, field: Field) -> str | None:
    """A value that the field accepts, or none when it may be absent."""
    if field.may_be_absent and random.random() < 0.7:
        return None
    accepted = [text for text, value in _READ if field.accepts(value)]
    return random.choice(accepted) if accepted else None


def _put(random: Random, tree: Tree, path: str, value: str) -> None:
    names = path.split(".")
    if len(names) > 1 and random.random() < 0.04:
        names[:2] = [f"{names[0]}.{names[1]}"]
    for name in names[:-1]:
        inner = tree.setdefault(name, {})
        if isinstance(inner, str):
            return
        tree = inner
    tree.setdefault(names[-1], value)


def _written(random: Random, tree: Tree, arrays: float) -> str:
    members = []
    for name, value in tree.items():
        for _ in range(2 if random.random() < 0.03 else 1):
            text = value if isinstance(value, str) else _written(random, value, arrays)
            if random.random() < arrays:
                others = [_written(random, value, arrays) for _ in range(2) if isinstance(value, dict)]
                many = 900 if random.random() < 0.01 else 3
                items = [text, *others, *random.choices(VALUES, k=random.randrange(0, many))]
                random.shuffle(items)
                text = f"[{','.join(items)}]"
            members.append(f"{json.dumps(name, ensure_ascii=random.random() < 0.2)}:{text}")
    random.shuffle(members)
    return f"{{{','.join(members)}}}"
