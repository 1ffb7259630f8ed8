"""What becomes of parameters and rates on the way to an API destination?"""

from __future__ import annotations

import errno
import socket
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightbus.clock import VirtualClock
from nightbus.delivery.api_destinations.connections import ApiDestination, Connection
from nightbus.delivery.api_destinations.invoker import ApiInvoker, retry_after_ms
from nightbus.delivery.api_destinations.parameters import REMOVED, request_for
from nightbus.delivery.forwarding.interface import Unforwardable
from nightbus.delivery.jobs import Failed
from nightbus.delivery.rates import Rates
from nightbus.outbound.http_client import HttpClient
from nightbus.store.sqlite.store import SqliteStore
from nightbus.store.vault import Vault

NOW = 1_800_000_000_000


def destination(endpoint: str = "https://shop.example/in") -> ApiDestination:
    return ApiDestination("d", "arn:d", "ACTIVE", "arn:c", endpoint, "POST", 300)


def connection(**further: Any) -> Connection:
    auth = {
        "ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "k"},
        "InvocationHttpParameters": further,
    }
    return Connection("c", "arn:c", "AUTHORIZED", "API_KEY", auth, 1)


def pairs(**values: str) -> list[dict[str, Any]]:
    return [{"Key": name, "Value": value, "IsValueSecret": True} for name, value in values.items()]


def test_no_parameter_overrides_what_is_eventbridges_own() -> None:
    given = {"HeaderParameters": dict.fromkeys([*REMOVED, "x-key", "Content-Type", "User-Agent"], "mine")}
    assert request_for(destination(), connection(), given, "{}").headers == {
        "Content-Type": "mine",
        "X-Key": "k",
        "User-Agent": "Amazon/EventBridge/ApiDestinations",
        "Range": "bytes=0-1048575",
        "Accept-Encoding": "gzip,deflate",
    }


def test_the_connections_parameters_win() -> None:
    own = connection(
        HeaderParameters=pairs(a="c"), QueryStringParameters=pairs(q="c"), BodyParameters=pairs(b="c")
    )
    given = {"HeaderParameters": {"A": "t"}, "QueryStringParameters": {"q": "t", "r": "t &"}}
    request = request_for(destination(), own, given, '{"b": "event", "n": 1}')
    assert (request.headers["a"], "A" in request.headers) == ("c", False)
    assert request.url == "https://shop.example/in?q=c&r=t+%26"
    assert request.body == b'{"b":"c","n":1}'


@pytest.mark.parametrize(
    ("endpoint", "values", "url"),
    [
        ("https://a.example/*/x/*", ["1/2", "ä"], "https://a.example/1%2F2/x/%C3%A4"),
        ("https://a.example/x", ["left over"], "https://a.example/x"),
        ("https://a.example/v*?q=*", ["1"], "https://a.example/v1?q=*"),
    ],
)
def test_stars_of_the_path_are_filled_in_order(endpoint: str, values: list[str], url: str) -> None:
    given = {"PathParameterValues": values}
    assert request_for(destination(endpoint), connection(), given, "{}").url == url


@pytest.mark.parametrize(
    ("endpoint", "own", "text"),
    [
        ("https://a.example/*", {}, "{}"),
        ("https://a.example/", {"BodyParameters": pairs(a="b")}, '"text"'),
        ("https://a.example/", {"BodyParameters": pairs(a="b")}, "no json"),
    ],
)
def test_what_cannot_become_a_request_is_said(endpoint: str, own: dict[str, Any], text: str) -> None:
    with pytest.raises(Unforwardable):
        request_for(destination(endpoint), connection(**own), {}, text)


@pytest.mark.parametrize(
    ("text", "wait"),
    [("120", 120_000), ("-1", -1_000), ("", None), ("soon", None), (formatdate(NOW / 1000 + 60, usegmt=True), 60_000),
     (formatdate(NOW / 1000 - 60, usegmt=True), 0)],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date(text: str, wait: int | None) -> None:
    assert retry_after_ms(text, NOW) == wait


@pytest.mark.parametrize(
    ("trouble", "permanent"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), True),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), False),
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), False),
    ],
)
async def test_a_name_without_an_address_is_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: OSError, permanent: bool
) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html"""

    async def fail(*_: Any, **__: Any) -> None:
        raise trouble

    monkeypatch.setattr("nightbus.outbound.http_client._connect", fail)
    clock = VirtualClock()
    store = SqliteStore.open(tmp_path, clock, durable=False)
    invoker = ApiInvoker(store, Vault(), HttpClient(), clock)
    request = request_for(destination("http://shop.internal/in"), connection(), {}, "{}")
    outcome = await invoker._send(request, connection())
    await store.close()
    assert isinstance(outcome, Failed)
    assert (outcome.code, outcome.permanent) == ("ConnectionFailure", permanent)


@given(st.integers(1, 50), st.integers(1, 60), st.integers(0, 40))
def test_a_rate_lets_nobody_past_and_nobody_starves(rate: int, many: int, step: int) -> None:
    """Each comes back when it was told to; they go in order, and no second has more than the rate."""
    rates, now, due = Rates(), NOW, [(NOW + step * number, number) for number in range(many)]
    gone: list[tuple[int, int]] = []
    looked = 0
    while due:
        due.sort()
        now, who = due.pop(0)
        looked += 1
        wait = rates.wait_until("d", rate, who, now)
        if wait is None:
            gone.append((now, who))
        else:
            assert wait > now
            due.append((wait, who))
    assert [who for _, who in gone] == list(range(many))
    assert looked <= 2 * many
    for number, (when, _) in enumerate(gone[rate:]):
        assert when - gone[number][0] >= 1000 - rate - 1  # times are whole milliseconds
