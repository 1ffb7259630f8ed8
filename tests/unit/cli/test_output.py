"""What commands say of what a node answers: the nearest first, and no more than a person reads."""

from __future__ import annotations

from typing import Any

import pytest

from nightbus.cli import terminal
from nightbus.cli.commands import outbox, status, tail, trace
from nightbus.cli.commands.explain import explanation_text
from nightbus.cli.dead_letters import dead_letter_text


def rule(name: str, matched: bool = False) -> dict[str, Any]:
    return (
        {"rule": name, "matched": matched, "deliveries": []}
        if matched
        else {"rule": name, "matched": False, "why": "so"}
    )


def test_explain_shows_matches_first_and_the_nearest_few_of_the_others() -> None:
    rules = [rule("hit", matched=True), *(rule(f"other-{at}") for at in range(40))]
    found = {
        "event": {"id": "1", "source": "a", "detail-type": "b", "time": "t"},
        "rules": rules,
        "bus": "default",
    }
    lines = explanation_text(found).splitlines()
    assert lines[1] == "  ✓ hit matched"
    assert [line.split()[1] for line in lines if "✗" in line] == [f"other-{at}" for at in range(5)]
    assert lines[-1] == "  and 35 more that did not match (--all shows them, --rule NAME one)"
    assert len([line for line in explanation_text(found, every_rule=True).splitlines() if "✗" in line]) == 40


def test_what_became_of_an_event_that_was_given_up() -> None:
    queue = "arn:aws:sqs:us-east-1:000000000000:dead"
    assert dead_letter_text({}) == ""
    assert dead_letter_text({"dead_letter": queue}) == "; now in sqs dead"
    refused = {"not_sent": [{"to": queue, "why": "The queue does not exist."}]}
    assert dead_letter_text(refused) == "; not sent to sqs dead: The queue does not exist."


def full(accounts: int) -> dict[str, Any]:
    return {
        "version": "1", "endpoint": "http://127.0.0.1:1", "pid": 1, "uptime_seconds": 5000, "data": None,
        "services": ["events"], "dev_credentials": False, "authorization": "enforce",
        "holds": [
            {"what": what, "account": f"{account:012}", "region": "us-east-1", "count": 5000 + account,
             "names": [f"a-rather-long-name-of-something-{at}" for at in range(100)]}
            for account in range(accounts) for what in ("functions", "rules", "log groups")
        ],
    }  # fmt: skip


@pytest.mark.parametrize("columns", [72, 80, 200])
def test_status_of_a_full_node_fits_a_screen(columns: int) -> None:
    lines = status.status_text(full(accounts=300), columns).splitlines()
    assert len(lines) <= 40
    assert all(len(line) <= columns for line in lines[3:])
    assert lines[3] == "  access    access keys that the node issued; policies are enforced"
    assert lines[4] == "  000000000299 us-east-1"
    assert lines[5].startswith("    functions     5299  a-rather-long-name-of-something-0")
    assert lines[5].endswith(" more")
    assert lines[-1].startswith("  and 292 more accounts and regions")


def test_there_are_no_colours_where_nobody_wants_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert terminal.coloured("x", terminal.RED) == "x"  # captured
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert terminal.coloured("x", terminal.RED) == "\033[31mx\033[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert terminal.coloured("x", terminal.RED) == "x"


def test_status_says_where_what_is_of_no_account_belongs() -> None:
    held = {"what": "buckets", "account": "", "region": "", "count": 1, "names": ["b"]}
    lines = status.status_text({**full(accounts=0), "holds": [held]}, 80).splitlines()
    assert lines[4:] == ["  all accounts and regions", "    buckets          1  b"]


ESCAPES = "\x1b]52;c;cm0gLXJm\x07\x9b2J\u202e\x00"


def test_what_others_wrote_cannot_steer_the_terminal() -> None:
    message: dict[str, Any] = {
        "id": "1",
        "kind": "sms",
        "to": "+1",
        "time": 0,
        "subject": "",
        "text": f"a\n{ESCAPES}b",
    }
    message |= {"failure": ESCAPES, "topic": ESCAPES, "details": {"name": ESCAPES}}
    event = {"source": ESCAPES, "detail-type": ESCAPES, "id": "1"}
    delivery = {"outcome": "FAILED", "code": "C", "message": ESCAPES, "time": 0, "attempt": 1}
    delivery |= {"rule": "r", "target": "t"}
    texts = [
        outbox._line(message),
        outbox._whole(message),
        tail._line_text({"event": event, "rules": [], "time": 0, "bus": "b"}),
        tail._line_text({"delivery": delivery, "event_id": "1"}),
        explanation_text({"event": {**event, "time": "t"}, "rules": [rule("r")], "bus": "b"}),
    ]
    for text in texts:
        assert text.replace("\n", "").isprintable(), text
        assert "\\x1b]52;c" in text
    assert texts[1].split("\n\n")[1].startswith("a\n")
    shown = trace._printable({"event": event, "runs": [{"log": [ESCAPES, 7]}]})
    assert "\\x1b]52;c" in shown["runs"][0]["log"][0]
    assert shown["event"]["source"].isprintable()


def test_status_of_somebody_elses_node_says_who_is_let_in() -> None:
    answer = {"version": "1", "endpoint": "https://h:1", "dev_credentials": True, "authorization": "audit"}
    assert status.status_text(answer, 80).splitlines() == [
        "Nightbus 1 at https://h:1",
        "  access    any access key (dev_credentials); policies are not enforced",
    ]


def test_status_shows_what_a_node_works_on_as_far_as_it_fits() -> None:
    mappings = [f"event source mapping {number}" for number in range(3)]
    node = {
        "duties": [*mappings, "nightbus.services.events trim_history", "stack recovery"],
        "work": {"deliveries": 2},
    }
    assert status._work(node, 80, " of a") == [
        "  duties of a: 5  3 x event source mapping, stack recovery, trim history",
        "  jobs of a: 2 deliveries",
    ]
    assert status._work(node, 50) == [
        "  duties: 5  3 x event source mapping and 2 more",
        "  jobs: 2 deliveries",
    ]
    assert status._work({}, 80) == []
    many = {"duties": [f"nightbus.services.events duty_number_{number}" for number in range(19)]}
    lines = status._work(many, status._UNBOUNDED)
    assert len(lines) == 4
    assert max(map(len, lines)) <= 100
    names = ", ".join(sorted(f"duty number {number}" for number in range(19)))
    assert " ".join(line.strip() for line in lines) == f"duties: 19  {names}"
