"""Every error that AWS documents for an operation of EventBridge is provoked by a test, or said never to come."""

from __future__ import annotations

import re
from pathlib import Path

from botocore import xform_name
from botocore.loaders import Loader

from events_errors import ELSEWHERE, NEVER, NEVER_OF, RACES, REFUSED
from nightbus.services.events import HANDLERS

TESTS = Path(__file__).parents[2]
CONCURRENT = "ConcurrentModificationException"


def documented() -> set[tuple[str, str]]:
    operations = Loader().load_service_model("events", "service-2")["operations"]
    return {(name, error["shape"]) for name, one in operations.items() for error in one.get("errors", ())}


def test_every_documented_error_is_provoked_or_explained() -> None:
    told = [*REFUSED, *ELSEWHERE, *((name, CONCURRENT) for name in RACES), *NEVER_OF]
    assert len(told) == len(set(told))
    assert not {error for _, error in told} & set(NEVER)
    assert {pair for pair in documented() if pair[1] not in NEVER} == set(told)


def test_the_tests_that_are_named_are_there() -> None:
    for name in set(ELSEWHERE.values()):
        file, _, test = name.partition("::")
        assert f"def {test}(" in (TESTS / file).read_text(), name


def test_every_operation_is_called_by_a_service_test() -> None:
    texts = "".join(path.read_text() for path in (TESTS / "service").glob("test_events_*.py"))
    called = set(re.findall(r"\.([a-z_]+)\b", texts))
    assert {name for name in HANDLERS if xform_name(name) not in called} == set()
