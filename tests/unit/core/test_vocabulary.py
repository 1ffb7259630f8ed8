"""Ids, ARNs, tokens and credentials: small values that everything else is made of."""

from __future__ import annotations

import asyncio
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightbus.aws import ids
from nightbus.aws.arn import Arn, arn
from nightbus.aws.errors import AwsError
from nightbus.aws.pagination import decode_token, encode_token, page
from nightbus.clock import VirtualClock
from nightbus.identity.credentials import CredentialIssuer, account_of

WRONG = AwsError("ValidationException", "no token of ours")
ROLE = "arn:aws:iam::123456789012:role/path/worker"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:session"


def test_event_ids_are_uuids_that_begin_with_their_time() -> None:
    found = [ids.new_event_id(1_700_000_000_123) for _ in range(1000)]
    assert len(set(found)) == len(found)
    pattern = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    assert all(re.fullmatch(pattern, one) for one in found)
    assert {ids.event_id_time(one) for one in found} == {1_700_000_000_123}
    assert ids.event_id_time(ids.new_uuid()) is None
    assert ids.event_id_time("nonsense") is None


@given(st.text())
def test_tokens_say_what_they_were_given(text: str) -> None:
    assert decode_token(encode_token(text), WRONG) == text


@given(st.text())
def test_a_token_of_somebody_else_is_refused(text: str) -> None:
    if text != encode_token("x"):
        with pytest.raises(AwsError):
            decode_token(text + "x", WRONG)


@given(st.lists(st.text(min_size=1), unique=True), st.integers(1, 5))
def test_all_pages_together_are_the_whole(keys: list[str], limit: int) -> None:
    ordered, seen, token = sorted(keys), [], None
    while True:
        chosen, token = page(ordered, str, limit, token, WRONG)
        seen += chosen
        if token is None:
            break
    assert seen == ordered


@pytest.mark.parametrize(
    "text", ["", "arn", "arn:aws:s3", "arn:aws::r:a:x", "arn:aws:s3:::", "nra:aws:s3:::b"]
)
def test_what_is_no_arn(text: str) -> None:
    with pytest.raises(ValueError, match="is not an ARN"):
        Arn.parse(text)


def test_an_arn_goes_round() -> None:
    text = arn("logs", "cn-north-1", "123456789012", "log-group:a:*")
    assert text == "arn:aws-cn:logs:cn-north-1:123456789012:log-group:a:*"
    assert str(Arn.parse(text)) == text


@pytest.mark.parametrize(
    ("key", "account"),
    [("123456789012", "123456789012"), ("AKIAIOSFODNN7EXAMPLE", "000000000000"), ("test", "000000000000")],
)
def test_a_key_of_twelve_digits_names_its_account(key: str, account: str) -> None:
    assert account_of(key) == account


def test_temporary_credentials_name_their_role_and_only_with_their_token() -> None:
    issuer = CredentialIssuer(b"s" * 32, VirtualClock())
    made = issuer.for_function(ROLE, FUNCTION, 3600)
    read = issuer.session_of(made.session_token)
    assert read is not None and read.access_key == made.access_key
    assert read.caller.session is not None and read.caller.session.function == FUNCTION
    assert issuer.secret_of(made.access_key) == made.secret_key
    caller = read.caller
    assert (caller.account, caller.arn) == (
        "123456789012",
        "arn:aws:sts::123456789012:assumed-role/worker/session",
    )
    for token in ("", made.session_token[:-8], "AAAA" + made.session_token[4:]):
        assert issuer.session_of(token) is None
    other = CredentialIssuer(b"t" * 32, VirtualClock())
    assert other.session_of(made.session_token) is None
    assert other.secret_of(made.access_key) != made.secret_key


async def test_the_virtual_clock_wakes_sleepers_in_order_and_only_when_told() -> None:
    clock = VirtualClock(1000)
    woken: list[tuple[str, int]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((name, clock.now_ms()))

    tasks = [asyncio.create_task(sleeper("late", 20)), asyncio.create_task(sleeper("soon", 5))]
    await asyncio.sleep(0)
    await clock.advance(4)
    assert woken == []
    await clock.advance(100)
    assert woken == [("soon", 6000), ("late", 21000)]
    assert clock.monotonic() == 104
    await asyncio.gather(*tasks)
