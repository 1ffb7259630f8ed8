"""A code signs in once and in time; a session ends by itself, and by its owner."""

from __future__ import annotations

from nightbus.console.sessions import IDLE_MS, LINK_MS, Sessions

NOW = 1_800_000_000_000


def test_a_code_is_good_once() -> None:
    sessions = Sessions()
    code = sessions.new_code(NOW)
    first = sessions.sign_in(code, NOW + 1)
    assert first is not None
    assert sessions.sign_in(code, NOW + 2) is None
    assert sessions.find(first[0], NOW + 3) is first[1]


def test_a_code_is_good_for_a_minute() -> None:
    sessions = Sessions()
    assert sessions.sign_in(sessions.new_code(NOW), NOW + LINK_MS - 1) is not None
    assert sessions.sign_in(sessions.new_code(NOW), NOW + LINK_MS) is None


def test_what_is_no_code_and_no_cookie_is_nothing() -> None:
    sessions = Sessions()
    sessions.new_code(NOW)
    for text in ("", "x", "\ud800", "é" * 300):
        assert sessions.sign_in(text, NOW) is None
        assert sessions.find(text, NOW) is None


def test_a_session_ends_when_nobody_uses_it() -> None:
    sessions = Sessions()
    signed_in = sessions.sign_in(sessions.new_code(NOW), NOW)
    assert signed_in is not None
    cookie, session = signed_in
    used = NOW + IDLE_MS
    assert sessions.find(cookie, used) is session
    assert sessions.find(cookie, used + IDLE_MS + 1) is None
    assert session.ended
    assert sessions.find(cookie, used) is None  # it does not come back


def test_who_signs_out_is_out_and_nobody_else() -> None:
    sessions = Sessions()
    signed_in = [sessions.sign_in(sessions.new_code(NOW), NOW) for _ in range(2)]
    assert signed_in[0] is not None
    assert signed_in[1] is not None
    sessions.sign_out(signed_in[0][0])
    assert signed_in[0][1].ended
    assert sessions.find(signed_in[0][0], NOW) is None
    assert sessions.find(signed_in[1][0], NOW) is signed_in[1][1]


def test_neither_codes_nor_sessions_pile_up() -> None:
    sessions = Sessions()
    for _ in range(1_000):
        assert sessions.sign_in(sessions.new_code(NOW), NOW) is not None
        sessions.new_code(NOW)
    assert sum(sessions.in_memory().values()) <= 200


def test_no_secret_is_kept_in_memory() -> None:
    sessions = Sessions()
    code = sessions.new_code(NOW)
    assert code not in repr(vars(sessions))
    signed_in = sessions.sign_in(code, NOW)
    assert signed_in is not None
    assert signed_in[0] not in repr(vars(sessions))
