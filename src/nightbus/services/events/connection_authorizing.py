"""Who fetches the first token of a connection with OAuth? A worker, so that CreateConnection need not wait for it.

What is to be authorised is an item of one queue, put there by the commit that writes the connection; a restart finds
it there. An item whose authorisation is not the record's any more was overtaken by a later update.
"""

from __future__ import annotations

import orjson

from nightbus.services.context import Context
from nightbus.store.interface import SYSTEM, Enqueue

AUTHORIZING = "AUTHORIZING"
QUEUE = "events/connection-authorizations"


def to_authorize(ctx: Context, name: str, authorization: str) -> Enqueue:
    return Enqueue(SYSTEM, QUEUE, orjson.dumps([list(ctx.scope), name, authorization]), ctx.now_ms())
