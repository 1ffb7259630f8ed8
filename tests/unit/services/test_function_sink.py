"""Which records a function has dealt with, by its answer."""

from __future__ import annotations

import time
from typing import Any

import orjson
import pytest

from nightbus.services.lambda_.queue_sources.function_sink import done

SENT = [{"messageId": name} for name in "abc"]


@pytest.mark.parametrize(
    ("answer", "finished"),
    [
        (b"", "abc"),
        (b"null", "abc"),
        (b'{"batchItemFailures": []}', "abc"),
        (b'{"batchItemFailures": null}', "abc"),
        (b'{"batchItemFailures": [{"itemIdentifier": "b"}]}', "ac"),
        (b'{"batchItemFailures": [{"itemIdentifier": ""}]}', ""),
        (b'{"batchItemFailures": [{"itemIdentifier": null}]}', ""),
        (b'{"batchItemFailures": [{"id": "b"}]}', ""),
        (b'{"batchItemFailures": [{"itemIdentifier": "x"}]}', ""),
        (b'{"batchItemFailures": "b"}', ""),
        (b"{", ""),
    ],
)
def test_what_is_reported_comes_again(answer: bytes, finished: str) -> None:
    assert [one["messageId"] for one in done(SENT, answer, True)] == list(finished)


def test_ten_thousand_failures_hold_up_nobody() -> None:
    sent: list[dict[str, Any]] = [{"messageId": f"{number:036}"} for number in range(10_000)]
    failures = [{"itemIdentifier": one["messageId"]} for one in sent]
    answer = orjson.dumps({"batchItemFailures": failures})
    began = time.process_time()
    assert done(sent, answer, True) == []
    assert time.process_time() - began < 0.2
