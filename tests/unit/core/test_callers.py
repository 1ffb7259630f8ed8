"""Callers in the store and in session tokens."""

from __future__ import annotations

import json

from nightbus.aws.calls import Caller, Session
from nightbus.clock import VirtualClock
from nightbus.identity.credentials import CredentialIssuer

_ROLE = "arn:aws:iam::123456789012:role/team/clerk"
_SESSION = Session(_ROLE, 5, ('{"Statement":[]}', "arn:aws:iam::aws:policy/X"), (("team", "a"),), "ann", True)


def test_a_stored_caller_comes_back_with_its_session() -> None:
    for caller in (
        Caller.root("123456789012", "AKIA1"),
        Caller(
            "123456789012",
            "arn:aws:sts::123456789012:assumed-role/clerk/me",
            "AROA:me",
            "ASIA",
            session=_SESSION,
        ),
    ):
        assert Caller.restored(json.loads(json.dumps(caller.stored()))) == caller


def test_a_token_carries_what_its_session_has() -> None:
    issuer = CredentialIssuer(b"s" * 32, VirtualClock())
    made = issuer.issue(_ROLE, "AROAX", "me", 10, _SESSION)
    read = issuer.session_of(made.session_token)
    assert read is not None
    caller = read.caller
    assert (read.access_key, read.expires) == (made.access_key, 10)
    assert (caller.session, caller.user_id) == (_SESSION, "AROAX:me")
    plain = issuer.issue(_ROLE, "AROAX", "me", 10)
    read = issuer.session_of(plain.session_token)
    assert read is not None and read.caller.session is not None
    session = read.caller.session
    assert session._replace(issued=0) == Session(_ROLE)


def test_a_service_in_a_role_is_a_session_of_the_role() -> None:
    caller = Caller.in_role(_ROLE, "rule", "events.amazonaws.com", "arn:rule")
    assert caller.arn == "arn:aws:sts::123456789012:assumed-role/clerk/rule"
    assert caller.session == Session(_ROLE, assumed_by="events.amazonaws.com")
    assert not caller.is_root and Caller.root("123456789012").is_root
