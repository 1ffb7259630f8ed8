"""Is every bad pattern refused with AWS's reason, at AWS's position?"""

from __future__ import annotations

import json

import pytest

from nightbus.bus.patterns import InvalidPattern, parse_pattern
from nightbus.bus.patterns.complexity import score
from nightbus.bus.patterns.wildcards import parse_wildcard


def refusal(text: str) -> InvalidPattern:
    with pytest.raises(InvalidPattern) as refused:
        parse_pattern(text)
    return refused.value


def expression(matcher: str) -> str:
    return f'{{"a": [{matcher}]}}'


STRUCTURE = [
    ("", "Filter is not an object"),
    ("[]", "Filter is not an object"),
    ("{}", "Empty objects are not allowed"),
    ('{"a": {}}', "Empty objects are not allowed"),
    ('{"a": []}', "Empty arrays are not allowed"),
    ('{"k": 1}', '"k" must be an object or an array'),
    ('{"a": [[1]]}', "Match value must be String, number, true, false, or null"),
    ('{"$or": 1}', "It must be an Array followed with $or."),
    ('{"$or": [{"a": [1]}]}', "There must have at least 2 Objects in $or relationship."),
    ('{"$or": [1, 2]}', "Only JSON object is allowed in array of $or relationship."),
    (
        '{"$or": [{"regex": [1]}, {"a": [1]}]}',
        "regex is Ruler reserved fieldName which cannot be used inside $or.",
    ),
]

EXPRESSIONS = [
    ("{}", "Match expression name not found"),
    ('{"Prefix": "x"}', "Unrecognized match type Prefix"),
    ('{"prefix": "x", "suffix": "y"}', "Only one key allowed in match expression"),
    ('{"prefix": ["x"]}', "prefix match pattern must be a string"),
    ('{"suffix": 1}', "suffix match pattern must be a string"),
    ('{"wildcard": null}', "wildcard match pattern must be a string"),
    ('{"equals-ignore-case": true}', "equals-ignore-case match pattern must be a string"),
    ('{"exactly": 1}', "exact match pattern must be a string"),
    ('{"cidr": 1}', "prefix match pattern must be a string"),
    ('{"prefix": {}}', "Prefix expression name not found"),
    ('{"suffix": {}}', "Suffix expression name not found"),
    ('{"prefix": {"wildcard": "x"}}', "Unsupported prefix pattern: wildcard"),
    ('{"suffix": {"prefix": "x"}}', "Unsupported suffix pattern: prefix"),
    ('{"exists": "true"}', "exists match pattern must be either true or false."),
    ('{"numeric": 1}', "Value of numeric must be an array."),
    ('{"numeric": [1]}', "Invalid member in numeric match: 1"),
    ('{"numeric": []}', "Invalid member in numeric match: ]"),
    ('{"numeric": ["=", "1"]}', "Value of equals must be numeric"),
    ('{"numeric": ["<=", "1"]}', "Value of <= must be numeric"),
    ('{"numeric": [">", null]}', "Value of > must be numeric"),
    ('{"numeric": [">=", "1"]}', "Value of >= must be numeric"),
    ('{"numeric": [">", 1, "<=", "2"]}', "Value of <= must be numeric"),
    ('{"numeric": [">", 2, "<", 1]}', "Bottom must be less than top"),
    ('{"numeric": [">", 1, "<", 1e400]}', "Cannot compare number : 1e400"),
    ('{"numeric": ["<"]}', "Value of < must be numeric"),
    ('{"numeric": [">=", 1, "<", "2"]}', "Value of < must be numeric"),
    ('{"numeric": ["!", 1]}', "Unrecognized numeric range operator: !"),
    ('{"numeric": [">", 1, "=", 2]}', "Bad numeric range operator: ="),
    ('{"numeric": [">", 1, 2]}', "Bad value in numeric range: 2"),
    ('{"numeric": [">", 1, "<", 2, "<"]}', "Too many terms in numeric range expression"),
    ('{"numeric": ["<", 1, ">", 0]}', "Too many elements in numeric expression"),
    ('{"numeric": ["=", 1, 2]}', "Too many elements in numeric expression"),
    ('{"numeric": [">", 1, "<", 1]}', "Bottom must be less than top"),
    ('{"numeric": ["=", 9007199254740993]}', "Cannot compare number : 9007199254740993"),
    ('{"anything-but": null}', "Value of anything-but must be an array or single string/number value."),
    ('{"anything-but": true}', "Value of anything-but must be an array or single string/number value."),
    ('{"anything-but": ["a", null]}', "Inside anything but list, start|null|boolean is not supported."),
    ('{"anything-but": ["a", ["b"]]}', "Inside anything but list, start|null|boolean is not supported."),
    ('{"anything-but": {"prefix": [1]}}', "prefix/suffix match pattern must be a string"),
    ('{"anything-but": {"suffix": 1}}', "prefix/suffix match pattern must be a string"),
    ('{"anything-but": {"wildcard": 1}}', "wildcard match pattern must be a string"),
    ('{"anything-but": {"prefix": ""}}', "Null prefix/suffix not allowed"),
    ('{"anything-but": ["a", true]}', "Inside anything but list, start|null|boolean is not supported."),
    (
        '{"anything-but": ["a", 1]}',
        "Inside anything but list, either all values are number or string, mixed type is not supported",
    ),
    (
        '{"anything-but": []}',
        "Inside anything but list, either all values are number or string, mixed type is not supported",
    ),
    ('{"anything-but": {"cidr": "x"}}', "Unsupported anything-but pattern: cidr"),
    ('{"anything-but": {}}', "Anything-But expression name not found"),
    ('{"anything-but": {"suffix": ""}}', "Null prefix/suffix not allowed"),
    (
        '{"anything-but": {"prefix": {"equals-ignore-case": "x"}}}',
        "Value of anything-but must be an array or single string/number value.",
    ),
    (
        '{"anything-but": {"equals-ignore-case": [null]}}',
        "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported.",
    ),
    ('{"anything-but": {"prefix": "x", "suffix": "y"}}', "Too many elements in numeric expression"),
    ('{"wildcard": "a**b"}', "Consecutive wildcard characters at pos 2"),
    ('{"wildcard": "é**"}', "Consecutive wildcard characters at pos 3"),
    ('{"wildcard": "a\\\\b"}', "Invalid escape character at pos 2"),
    ('{"cidr": "10.0.0.0"}', "Malformed CIDR, one '/' required"),
    ('{"cidr": "10.0.0.0/x"}', "Malformed CIDR, mask bits must be an integer"),
    ('{"cidr": "10.0.0.0/-1"}', "Malformed CIDR, mask bits must not be negative"),
    ('{"cidr": "10.0.0.0/32"}', "IPv4 mask bits must be < 32"),
    ('{"cidr": "::/128"}', "IPv6 mask bits must be < 128"),
    ('{"cidr": "host/8"}', "Nonstandard IP address: host"),
    ('{"cidr": "10.0.0.256/8"}', "Invalid IP address: 10.0.0.256"),
]


@pytest.mark.parametrize(("text", "reason"), STRUCTURE)
def test_reasons_of_the_structure(text: str, reason: str) -> None:
    assert refusal(text).reason == reason


@pytest.mark.parametrize(("text", "reason"), EXPRESSIONS)
def test_reasons_of_match_expressions(text: str, reason: str) -> None:
    assert refusal(expression(text)).reason == reason


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ('{"a": [1', 1, 9),  # the end, where something was missing
        ("{'bad'", 1, 2),  # broken JSON: the character itself
        ('{"a": 12}', 1, 9),  # a number: behind it
        ('{"a": "xyz"}', 1, 8),  # a string whose text nobody read: behind its opening quote
        ('{"a": [[', 1, 9),  # a bracket: behind it
        ('{"a": [{"nope": {"b": 1}}]}', 1, 18),  # an unknown operator: behind the first token of its value
        ('{"a": [{"nope": "b"}]}', 1, 18),
        ('{"a": [{"numeric": ["!", 1]}]}', 1, 27),
        ('{\n "a": {}}', 2, 9),
        ('{\r\n "a":\r{}}', 3, 3),
        ('{"\U0001f600": 1}', 1, 9),  # columns count UTF-16 units
    ],
)
def test_positions(text: str, line: int, column: int) -> None:
    refused = refusal(text)
    assert (refused.line, refused.column) == (line, column)
    place = f'[Source: (String)"{text}"; line: {line}, column: {column}]'
    assert str(refused) == f"Event pattern is not valid. Reason: {refused.reason}\n at {place}"


def test_a_list_inside_anything_but_says_the_position_twice() -> None:
    refused = refusal(expression('{"anything-but": {"wildcard": [1]}}'))
    assert str(refused).count("\n at [Source") == 2


def test_a_number_that_cannot_be_compared_has_a_position_only_in_a_list() -> None:
    alone = refusal(expression('{"anything-but": 9007199254740993}'))
    assert str(alone) == "Event pattern is not valid. Reason: Cannot compare number : 9007199254740993"
    listed = refusal(expression('{"anything-but": [9007199254740993]}'))
    assert str(listed).count("\n at [Source") == 1


RESERVED = (
    "exactly prefix suffix wildcard equals-ignore-case cidr exists numeric anything-but = < <= > >= regex "
    "not-wildcard not-equals-ignore-case date-after date-on-or-after date-before date-on-or-before in-date-range "
    "ip-address-in-range ip-address-not-in-range"
)


@pytest.mark.parametrize("name", RESERVED.split())
def test_names_that_are_reserved_inside_or(name: str) -> None:
    reason = f"{name} is Ruler reserved fieldName which cannot be used inside $or."
    field = f'"{name}": [1]'
    assert refusal(f'{{"$or": [{{"a": [1]}}, {{{field}}}]}}').reason == reason
    assert refusal(f'{{"x": {{"$or": [{{"y": {{{field}}}}}, {{"a": [1]}}]}}}}').reason == reason
    parse_pattern(f'{{{field}, "$or": [{{"a": [1]}}, {{"b": [1]}}]}}')


def test_what_is_too_complex_has_no_position() -> None:
    refused = refusal(expression('{"wildcard": "*:*:*:*:*:event-bus/*"}'))
    assert "too complex" in refused.reason and refused.line is None and "Source" not in str(refused)


def test_cidr_errors_have_no_position() -> None:
    assert refusal(expression('{"cidr": "x"}')).line is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": foo}', "Unrecognized token 'foo': was expecting"),
        (
            '{"a": [1 2]}',
            "Unexpected character ('2' (code 50)): was expecting comma to separate Array entries",
        ),
        ('{"a" [1]}', "Unexpected character ('[' (code 91)): was expecting a colon"),
        ('{"a": [1}', "Unexpected close marker '}': expected ']' (for Array starting at"),
        ('{"a": ["x', "Unexpected end-of-input: was expecting closing quote for a string value"),
        ('{"a": ["\\x"]}', "Unrecognized character escape 'x' (code 120)"),
        ('{"a": [01]}', "Invalid numeric value: Leading zeroes not allowed"),
        ('{"a": ["\n"]}', "Illegal unquoted character ((CTRL-CHAR, code 10))"),
        ('{"a": [1.]}', "Unexpected character (']' (code 93)) in numeric value: Decimal point not followed"),
    ],
)
def test_broken_json(text: str, reason: str) -> None:
    assert refusal(text).reason.startswith(reason)


def test_a_long_source_is_cut_off_in_the_message() -> None:
    text = '{"a": ["' + "x" * 600 + '"], "b": []}'
    refused = refusal(text)
    assert f'{text[:500]}"[truncated {len(text) - 500} chars]; line: 1, column: 620]' in str(refused)


def test_a_pattern_has_at_most_4096_characters() -> None:
    parse_pattern('{"a": ["' + "x" * (4096 - 11) + '"]}')
    with pytest.raises(InvalidPattern):
        parse_pattern('{"a": ["' + "x" * (4096 - 10) + '"]}')


def test_or_makes_at_most_1000_combinations() -> None:
    ten = "[" + ",".join(f'{{"f{index}":[1]}}' for index in range(10)) + "]"
    parse_pattern(f'{{"x":{{"$or":{ten}}},"y":{{"$or":{ten}}},"z":{{"$or":{ten}}}}}')
    with pytest.raises(InvalidPattern):
        parse_pattern(f'{{"x":{{"$or":{ten}}},"y":{{"$or":{ten}}},"z":{{"$or":{ten[:-1]},{{"g":[1]}}]}}}}')


def test_a_rule_has_at_most_256_paths() -> None:
    parse_pattern(json.dumps({f"f{index}": [1] for index in range(256)}))
    with pytest.raises(InvalidPattern):
        parse_pattern(json.dumps({f"f{index}": [1] for index in range(257)}))


@pytest.mark.parametrize(
    ("wildcards", "expected"),
    [
        (["*"], 2),
        (["*a*"], 3),
        (["*a*a*"], 5),
        (["*a*a*a*a*"], 9),
        (["*aaaaaa*"], 8),
        (["*/bin/*.jar"], 4),
        (["*:*:*:*:*:event-bus/*"], 11),
        ([f"*:stack/NAME{index}/*" for index in range(3)], 9),
        ([f"*:stack/NAME{index}/*" for index in range(4)], 12),
    ],
)
def test_how_complex_wildcards_are(wildcards: list[str], expected: int) -> None:
    assert score([parse_wildcard(text) for text in wildcards]) == expected


def test_wildcards_of_different_fields_do_not_count_together() -> None:
    three = [{"wildcard": f"*:stack/NAME{index}/*"} for index in range(3)]
    parse_pattern(json.dumps({"a": three, "b": three}))


def test_alternatives_of_one_field_count_together() -> None:
    branches = [{"a": [{"wildcard": f"*:stack/NAME{index}/*"}]} for index in range(4)]
    assert "too complex" in refusal(json.dumps({"$or": branches})).reason
