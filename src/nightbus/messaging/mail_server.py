"""Sends mail through the SMTP server that the setting `smtp` names."""

from __future__ import annotations

import asyncio
import ipaddress
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

if TYPE_CHECKING:
    from email.message import EmailMessage

_PORTS = {"smtp": 25, "smtps": 465}
_TIMEOUT_SECONDS = 15.0
_MAILS_AT_ONCE = 4
_PERMANENT = range(500, 600)
SYNTAX = "smtp[s]://[user:password@]host[:port]?from=address"


class MailRefused(Exception):
    """The server did not take it. `permanent`: it never will."""

    def __init__(self, text: str, permanent: bool) -> None:
        super().__init__(text)
        self.permanent = permanent


@dataclass(frozen=True, slots=True)
class MailServer:
    """`tls`: from the first byte (smtps); else it begins as soon as the server offers it."""

    host: str
    port: int
    sender: str
    tls: bool = False
    user: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: str) -> MailServer:
        """Raises ValueError, whose text never holds the password."""
        try:
            parts = urlsplit(text)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise ValueError(f"is not of the form {SYNTAX}") from None
        sender = parse_qs(parts.query).get("from", [""])[-1]
        if parts.scheme not in _PORTS or not host:
            raise ValueError(f"is not of the form {SYNTAX}")
        if "@" not in sender:
            raise ValueError(f"names no sender; it is of the form {SYNTAX}")
        return cls(
            host=host,
            port=port or _PORTS[parts.scheme],
            sender=sender,
            tls=parts.scheme == "smtps",
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
        )

    def send(self, message: EmailMessage) -> None:
        """Blocks, so it is called in a thread. Raises MailRefused."""
        import smtplib

        try:
            self._send(message)
        except smtplib.SMTPRecipientsRefused as refused:
            code, text = next(iter(refused.recipients.values()))
            raise MailRefused(f"SMTP {code} {text.decode(errors='replace')}", code in _PERMANENT) from None
        except smtplib.SMTPResponseException as refused:
            answer = refused.smtp_error
            shown = answer.decode(errors="replace") if isinstance(answer, bytes) else answer
            permanent = refused.smtp_code in _PERMANENT
            raise MailRefused(f"SMTP {refused.smtp_code} {shown}", permanent) from None
        except (OSError, smtplib.SMTPException) as broken:
            raise MailRefused(f"{type(broken).__name__}: {broken}", permanent=False) from broken

    def _send(self, message: EmailMessage) -> None:
        import smtplib
        import ssl

        secured = self.tls
        opened: smtplib.SMTP
        if self.tls:
            context = ssl.create_default_context()
            opened = smtplib.SMTP_SSL(self.host, self.port, timeout=_TIMEOUT_SECONDS, context=context)
        else:
            opened = smtplib.SMTP(self.host, self.port, timeout=_TIMEOUT_SECONDS)
        with opened as server:
            server.ehlo()
            if not secured and server.has_extn("starttls"):
                server.starttls(context=ssl.create_default_context())
                server.ehlo()
                secured = True
            if self.user:
                if not secured and not _is_this_machine(self.host):
                    raise MailRefused("the server offers no TLS, and a password is not sent without", True)
                server.login(self.user, self.password)
            server.send_message(message)


class Mailer:
    """Sends mails through one server, four at a time, in threads of its own."""

    def __init__(self, server: MailServer) -> None:
        self._server = server
        self._threads = ThreadPoolExecutor(_MAILS_AT_ONCE, "mail")

    @property
    def sender(self) -> str:
        """The address that mails are from."""
        return self._server.sender

    async def send(self, message: EmailMessage) -> None:
        """Raises MailRefused."""
        await asyncio.get_running_loop().run_in_executor(self._threads, self._server.send, message)

    def close(self) -> None:
        """What has not begun is not sent."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
