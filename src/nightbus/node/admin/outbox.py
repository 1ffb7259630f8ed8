"""Shows what is in the outbox of SNS, and takes the answers of people to text messages: `outbox`."""

from __future__ import annotations

from typing import Any

from nightbus.aws.errors import AwsError, validation_error
from nightbus.messaging.outbox import KINDS, Selection, count_outbox, read_outbox
from nightbus.node.admin.request import AdminRequest, body_scope, body_text
from nightbus.services.sns.sms.numbers import opt_out

_MOST = 1000


async def show_outbox(request: AdminRequest) -> dict[str, Any]:
    """Query: `account`, `region`, `kind`, `to`, `id`, `since` (UTC ms), `after` (a position), `limit` (default 100).

    The answer has the messages, the oldest first, and how many of each kind are kept. Without `after` they are the
    newest ones. Raises AwsError.
    """
    store, scope = request.node.store, request.queried_scope
    messages = await read_outbox(store, scope, _selection(request.query))
    return {"messages": messages, "counts": await count_outbox(store, scope)}


def _selection(query: dict[str, str]) -> Selection:
    kind = query.get("kind", "")
    if kind and kind not in KINDS:
        raise validation_error(f"`kind` must be one of {', '.join(KINDS)}.")
    try:
        since = int(query["since"]) if "since" in query else None
        after, limit = int(query.get("after", 0)), int(query.get("limit", 100))
    except ValueError:
        raise validation_error("`since`, `after` and `limit` must be whole numbers.") from None
    if not 1 <= limit <= _MOST or after < 0:
        raise validation_error(f"`limit` must be between 1 and {_MOST}, and `after` must not be negative.")
    return Selection(kind, query.get("to", ""), query.get("id", ""), since, after, limit)


async def answer_message(request: AdminRequest) -> dict[str, Any]:
    """Body: `from`, a phone number, `text`, which must be STOP, and `account` and `region`. Raises AwsError."""
    body = await request.read_json()
    if body_text(body, "text").strip().upper() != "STOP":
        raise AwsError("ValidationException", "`text` must be STOP: nothing else is answered.")
    await opt_out(request.node.store, body_scope(body), body_text(body, "from"), request.node.clock.now_ms())
    return {"opted_out": body_text(body, "from")}
