"""Mails the input to an address that somebody subscribed.

The target has `Mail` (the address), `Subject` and `SenderName`. It needs the setting `smtp`.
"""

from __future__ import annotations

from typing import Any

from nightbus.delivery.jobs import Delivered, Failed, Job, Outcome, TargetContext
from nightbus.messaging.mail_server import MailRefused


async def deliver(job: Job[Any], ctx: TargetContext) -> Outcome:
    if ctx.mailer is None:
        return Failed("NoEndpoint", "the node has no SMTP server any more (NIGHTBUS_SMTP)", permanent=False)
    from email.headerregistry import Address  # these take 14 ms to import, and few nodes send mail
    from email.message import EmailMessage

    mail = EmailMessage()
    mail["From"] = Address(job.target["SenderName"], addr_spec=ctx.mailer.sender)
    mail["To"] = job.target["Mail"]
    mail["Subject"] = job.target["Subject"]
    mail.set_content(job.input.decode())
    try:
        await ctx.mailer.send(mail)
    except MailRefused as refused:
        return Failed("MailRefused", str(refused), refused.permanent)
    return Delivered(ctx.call.request_id)
