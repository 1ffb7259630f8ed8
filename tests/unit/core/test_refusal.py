"""Requests that fail because the store is away: 503 if nothing was sent, else the response breaks off."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from nightbus.node.refusal import Refusal
from nightbus.store.interface import StoreUnavailable

SCOPE = {"type": "http", "method": "GET", "path": "/_nightbus/lambda-code/signed"}


async def ask(failure: Exception, *before: dict[str, Any]) -> list[Any]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async with Refusal(SCOPE, send) as answering:
        for message in before:
            await answering(message)
        raise failure
    return sent


def test_a_store_that_is_away_is_answered_503_and_logged_in_one_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        start, body = asyncio.run(ask(StoreUnavailable("The database cannot be reached.")))
    assert start["status"] == 503
    assert b"The database is not available. Please try again." in body["body"]
    (record,) = caplog.records
    assert record.exc_info is None
    assert "signed" not in record.getMessage()


def test_a_response_that_has_begun_breaks_off() -> None:
    begun = {"type": "http.response.start", "status": 200, "headers": []}
    assert asyncio.run(ask(StoreUnavailable("The database cannot be reached."), begun)) == [begun]


def test_every_other_failure_passes() -> None:
    with pytest.raises(KeyError):
        asyncio.run(ask(KeyError("mistake")))
