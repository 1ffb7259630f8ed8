"""The setting that names an SMTP server, and what is never told of it."""

from __future__ import annotations

from email.message import EmailMessage
from pathlib import Path

import pytest

from nightbus.messaging import mail_server
from nightbus.messaging.mail_server import MailRefused, MailServer
from nightbus.node.settings import SettingsError, load_settings
from sns_rig import MailServer as Listening


def test_a_server_is_named_by_a_url() -> None:
    found = MailServer.parse("smtp://me:p%40ss@mail.example:2525?from=a@b.example")
    assert found == MailServer("mail.example", 2525, "a@b.example", user="me", password="p@ss")
    assert MailServer.parse("smtp://h?from=a@b") == MailServer("h", 25, "a@b")
    assert MailServer.parse("smtps://h?from=a@b") == MailServer("h", 465, "a@b", tls=True)


@pytest.mark.parametrize(
    "text",
    [
        "mail.example",
        "http://h?from=a@b",
        "smtp://?from=a@b",
        "smtp://me:secret@h:port?from=a@b",
        "smtp://me:secret@h",
        "smtp://me:secret@h?from=nobody",
    ],
)
def test_what_names_none_is_explained_without_the_password(text: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(environ={"NIGHTBUS_SMTP": text}, folder=tmp_path)
    assert str(refused.value).startswith("NIGHTBUS_SMTP ")
    assert "smtp[s]://" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_the_variable_goes_before_the_file(tmp_path: Path) -> None:
    (tmp_path / "nightbus.toml").write_text('smtp = "smtp://file?from=a@b"\n')
    in_file = load_settings(environ={}, folder=tmp_path).smtp
    assert in_file is not None
    assert in_file.host == "file"
    given = load_settings(environ={"NIGHTBUS_SMTP": "smtp://variable?from=a@b"}, folder=tmp_path).smtp
    assert given is not None
    assert given.host == "variable"
    assert load_settings(environ={"NIGHTBUS_SMTP": ""}, folder=tmp_path).smtp is None


def test_the_password_is_not_shown(tmp_path: Path) -> None:
    settings = load_settings(environ={"NIGHTBUS_SMTP": "smtp://me:hush@h?from=a@b"}, folder=tmp_path)
    assert "hush" not in repr(settings)


def mail() -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "a@b.example", "c@d.example", "s"
    made.set_content("text")
    return made


@pytest.mark.parametrize(("answer", "permanent"), [("550 never", True), ("450 later", False)])
def test_a_refusal_is_for_good_or_for_now(answer: str, permanent: bool) -> None:
    with Listening(answers=[answer]) as listening:
        server = MailServer("127.0.0.1", listening.port, "a@b.example")
        with pytest.raises(MailRefused) as refused:
            server.send(mail())
        assert (str(refused.value), refused.value.permanent) == (f"SMTP {answer}", permanent)
        server.send(mail())
        assert [one["To"] for one in listening.mails] == ["c@d.example"]


def test_a_server_that_is_not_there_may_come_back() -> None:
    with Listening() as listening:
        server = MailServer("127.0.0.1", listening.port, "a@b.example")
    with pytest.raises(MailRefused) as refused:
        server.send(mail())
    assert not refused.value.permanent


def test_a_password_does_not_leave_the_machine_in_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server elsewhere that offers no TLS: the loopback one stands in for it."""
    monkeypatch.setattr(mail_server, "_is_this_machine", lambda host: False)
    with Listening() as listening:
        server = MailServer("127.0.0.1", listening.port, "a@b.example", user="me", password="hush")
        with pytest.raises(MailRefused, match="offers no TLS"):
            server.send(mail())
        assert listening.logins == []
