"""Filter patterns of JSON, of fields and of regular expressions, and what TestMetricFilter shows of them."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightbus.aws.errors import AwsError
from nightbus.services.logs.filter_pattern import compile_pattern, parse_pattern

EVENT = json.dumps(
    {
        "level": "error", "ms": 120, "user": None, "ok": True, "off": False, "code": "404", "ip": "10.0.3.4",
        "a-b": "x", "dotted.name": "y", "items": [{"n": 1, "t": "p"}, {"n": 7, "t": "q"}], "in": {"deep": {"k": "v"}},
    }
)  # fmt: skip
LINE = '127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ('$.level = "error"', True),
        ("$.level = error", True),
        ('$.level = "err"', False),
        ('$.level = "e*r"', True),
        ('$.level != "info"', True),
        ('$.none != "info"', False),
        ("$.ms = 120", True),
        ("$.ms = 1.2e2", True),
        ("$.ms > 119.5 && $.ms <= 120", True),
        ("$.ms >= 121", False),
        ("$.level > 3", False),
        ("$.ms = 1*", True),
        ("$.ip = 10.0.*", True),
        (r"$.ip = %^10\.[0-9]%", True),
        ("$.user IS NULL", True),
        ("$.none IS NULL", False),
        ("$.none NOT EXISTS", True),
        ("$.user NOT EXISTS", False),
        ("$.ok IS TRUE && $.off IS FALSE", True),
        ("$.ok IS FALSE", False),
        ('$.a-b = "x"', True),
        ("$.['dotted.name'] = \"y\"", True),
        ("$.items[1].n = 7", True),
        ("$.items[2].n = 7", False),
        ("$.items[*].n > 6", True),
        ("$.items[*].n > 7", False),
        ('$.in.*.k = "v"', True),
        ('$.level = "info" || ($.ms >= 3 && $.user IS NULL)', True),
        ('($.level = "info" || $.ms >= 3) && $.none = 1', False),
        ('$.level = "error" || $.ms = 1 && $.ms = 2', True),
    ],
)
def test_json(condition: str, expected: bool) -> None:
    assert compile_pattern(f"{{ {condition} }}")(EVENT) is expected
    assert not compile_pattern(f"{{ {condition} }}")("no JSON")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("ip, id, user, time, request, status, bytes", True),
        ("ip, id, user, time, request, status", False),
        ("ip, user, ..., status = 4*, bytes > 1000", True),
        ("ip, user, ..., status = 4*, bytes > 2000", False),
        ("..., bytes = 1534", True),
        ("ip != 10.*, ...", True),
        ("..., request = *.html*, status = 404 || status = 410, bytes", True),
        ("..., status >= 400 && status < 404, bytes", False),
        ('..., request = "GET *", status, bytes', True),
        (r"ip = %^127\.%, ...", True),
    ],
)
def test_fields(fields: str, expected: bool) -> None:
    assert compile_pattern(f"[{fields}]")(LINE) is expected


@pytest.mark.parametrize(
    ("pattern", "message", "expected"),
    [
        ("%AUTHORIZED%", "UNAUTHORIZED", True),
        ("%^AUTHORIZED%", "UNAUTHORIZED", False),
        ("%gray|grey%", "a grey day", True),
        (r"%\d{3}% -%5\d\d%", "code 404", True),
        (r"%\d{3}% -%5\d\d%", "codes 404 and 501", False),
    ],
)
def test_regular_expressions(pattern: str, message: str, expected: bool) -> None:
    assert compile_pattern(pattern)(message) is expected


@pytest.mark.parametrize(
    "pattern",
    [
        "{", "{ }", "{ $.a }", "{ $.a = }", "{ a = 1 }", "{ $.a > x }", "{ ($.a = 1 }", "{ $.a = 1 ) }",
        "{ $.a = 1 &&}",
        "{ $.a = 1", '{ $.a = "x }', "{ $.*.*.a = 1 }", "[", "[]", "[a,,b]", "[a, ..., ...]", "[a = ]",
        "[a = 1 && b = 2]",
        "[a IS NULL]", "%a(b)%", "%a!%", "%[%", "%%", "{" + "(" * 400 + "$.a=1" + ")" * 400 + "}",
    ],
)  # fmt: skip
def test_what_is_not_a_pattern(pattern: str) -> None:
    with pytest.raises(AwsError, match="Invalid filter pattern") as refused:
        parse_pattern(pattern)
    assert refused.value.code == "InvalidParameterException"


def test_what_a_pattern_extracts() -> None:
    assert parse_pattern("{ $.ms > 1 && $.items[*].n = 7 || $.no = 1 }").extracted(EVENT) == {
        "$.ms": "120",
        "$.items[*].n": "1",
    }
    shown = parse_pattern("[ip, ..., status, bytes]").extracted(LINE)
    assert shown["$ip"] == "127.0.0.1"
    assert shown["$4"] == "10/Oct/2000:13:25:15 -0700"
    assert shown["$bytes"] == "1534"
    assert parse_pattern("ERROR").extracted("ERROR") == {}


def test_a_slow_expression_is_refused_and_holds_nothing_up() -> None:
    with pytest.raises(AwsError, match="takes too long"):
        compile_pattern("%[ab]*[ac]*[ad]*[ae]*[fg]%")("a" * 100_000)


PIECES = st.sampled_from(
    ["$.a", "$", ".b", "[*]", "[0]", "=", "!=", ">", "<=", "&&", "||", "(", ")", "*", "1", "x", '"y"', "%z%", "IS",
     "NULL", "NOT", "EXISTS", ",", "...", " ", "{", "}", "[", "]", "\\", "%", '"', "-", "?"]
)  # fmt: skip


@given(
    st.sampled_from(["{}", "[]", "  "]),
    st.lists(PIECES, max_size=14).map(" ".join) | st.text(max_size=40),
    st.sampled_from([EVENT, LINE, ""]) | st.text(max_size=30),
)
def test_any_text_is_a_pattern_or_is_refused(ends: str, inner: str, message: str) -> None:
    with contextlib.suppress(AwsError):
        pattern = parse_pattern(f"{ends[0]}{inner}{ends[1]}")
        if pattern.matches(message):
            assert all(isinstance(value, str) for value in pattern.extracted(message).values())


@given(st.dictionaries(st.from_regex(r"[a-z]{1,4}", fullmatch=True), st.integers(-1000, 1000), min_size=1))
def test_numbers_are_compared_as_numbers(values: dict[str, int]) -> None:
    name, number = next(iter(values.items()))
    message = json.dumps(values)
    assert compile_pattern(f"{{ $.{name} = {number} }}")(message)
    assert compile_pattern(f"{{ $.{name} < {number + 1} && $.{name} > {number - 1} }}")(message)
    assert not compile_pattern(f"{{ $.{name} != {number} }}")(message)


@given(st.lists(st.from_regex(r"[a-z0-9]{1,6}", fullmatch=True), min_size=1, max_size=8))
def test_each_field_is_found_by_its_place(words: list[str]) -> None:
    for place, word in enumerate(words):
        before = "".join(f"f{number}, " for number in range(place))
        assert compile_pattern(f'[{before}it = "{word}", ...]')(" ".join(words))
