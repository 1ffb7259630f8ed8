"""Are entries judged, measured and wrapped as PutEvents does it?"""

from __future__ import annotations

import inspect
import sys
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from nightbus.bus.envelope import MALFORMED, EnvelopeWriter, Problem
from nightbus.bus.json_text import RECURSION, compact_object, parse_json, write_json
from recursion import recursion_limit

ENTRY: dict[str, Any] = {"Source": "shop", "DetailType": "Order", "Detail": '{"n": 1}'}


def writer() -> EnvelopeWriter:
    return EnvelopeWriter("000000000000", "eu-west-1", datetime(2023, 11, 14, 22, 13, 20, 999, UTC))


def problem_of(entry: dict[str, Any]) -> Problem | None:
    found = writer().write(entry, "id")
    return found if isinstance(found, Problem) else None


def size(*entries: dict[str, Any]) -> int:
    made = writer()
    for entry in entries:
        made.write(entry, "id")
    return made.size


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in ENTRY.items() if key != name}


@pytest.mark.parametrize("name", ["Source", "DetailType", "Detail"])
def test_what_is_required(name: str) -> None:
    message = f"Parameter {name} is not valid. Reason: {name} is a required argument."
    assert problem_of(without(name)) == ("InvalidArgument", message)
    assert problem_of({**ENTRY, name: ""}) == ("InvalidArgument", message)


@pytest.mark.parametrize("detail", ["{", "[1]", '"text"', "1", "null", '{"a": NaN}', '{"a":' * 5_000, "{} x"])
def test_a_detail_is_a_json_object(detail: str) -> None:
    assert problem_of({**ENTRY, "Detail": detail}) == MALFORMED


def test_sources_of_aws_are_reserved() -> None:
    problem = problem_of({**ENTRY, "Source": "aws.ec2"})
    assert isinstance(problem, Problem)
    assert problem[0] == "NotAuthorizedForSourceException"
    assert problem_of({**ENTRY, "Source": "aws"}) is None


def test_a_detail_type_has_at_most_128_characters() -> None:
    assert problem_of({**ENTRY, "DetailType": "x" * 128}) is None
    problem = problem_of({**ENTRY, "DetailType": "x" * 129})
    assert isinstance(problem, Problem)
    assert problem[0] == "InvalidArgument"


def test_size() -> None:
    assert size(ENTRY) == 4 + 5 + 8
    timed = {**ENTRY, "Source": "é", "Time": datetime(2026, 1, 1, tzinfo=UTC), "Resources": ["ab", "é"]}
    assert size(timed) == 14 + 2 + 5 + 8 + 2 + 2
    assert size({}) == 0


def envelope(entry: dict[str, Any]) -> dict[str, Any]:
    text = writer().write(entry, "id")
    assert isinstance(text, bytes)
    made: dict[str, Any] = parse_json(text.decode())
    return made


def test_the_envelope() -> None:
    entry = {
        **ENTRY,
        "Resources": ["arn:x"],
        "Time": datetime(2026, 1, 2, 4, 4, 5, 999, timezone(timedelta(hours=1))),
    }
    assert envelope(entry) == {
        "version": "0",
        "id": "id",
        "detail-type": "Order",
        "source": "shop",
        "account": "000000000000",
        "time": "2026-01-02T03:04:05Z",
        "region": "eu-west-1",
        "resources": ["arn:x"],
        "detail": {"n": 1},
    }


def test_the_time_of_the_call_where_the_entry_has_none() -> None:
    made = envelope(ENTRY)
    assert (made["time"], made["resources"]) == ("2023-11-14T22:13:20Z", [])


def test_numbers_of_the_detail_keep_their_text() -> None:
    detail = '{"id":123456789012345678901,"x":1e400}'
    made = envelope({**ENTRY, "Detail": detail})
    assert write_json(made["detail"]) == detail


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "b": [true, null, "x y"]}', '{"a":1.10,"b":19.99}', '{"a":1e2,"b":-0,"c":0.1000000000000000055}',
        '{"a":1,"a":2}', '{"a":"\\ud83d","b":"\\u00e9"}', '{"n":18446744073709551616}', "{}", '{"a":{"b":[{"c":[]}]}}',
        '{"t":"\\u2028\\n/"}',
    ],
)  # fmt: skip
def test_a_detail_is_written_as_the_exact_way_writes_it(text: str) -> None:
    assert compact_object(text) == write_json(parse_json(text)).encode()


@pytest.mark.parametrize("levels", [254, 255, 300, 512, 999])
def test_a_detail_may_be_a_thousand_levels_deep(levels: int) -> None:
    with recursion_limit(RECURSION):  # as a node has it
        for innermost in ("1", "1e400"):
            text = '{"a":' * levels + f'[{innermost},"{"x" * 2_000}"]' + "}" * levels
            assert compact_object(text) == text.encode()
            assert write_json(envelope({**ENTRY, "Detail": text})["detail"]) == text
        assert compact_object('{"a":' * 1_001 + "1" + "}" * 1_001) is None


def test_without_a_stack_for_it_a_deep_detail_is_malformed() -> None:
    """Newer Pythons read JSON without counting its levels as frames: then it is read."""
    text = '{"a":' * 999 + "1" + "}" * 999
    with recursion_limit(len(inspect.stack(0)) + 200):
        found = compact_object(text)
    assert found is None if sys.version_info < (3, 12) else found in (None, text.encode())
