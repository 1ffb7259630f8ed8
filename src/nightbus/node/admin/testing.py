"""Answers a test that controls the node: `testing/settle`, `testing/advance`, `testing/fault`, `testing/warm`,
`testing/forget`.

Only a node that `nightbus.testing` has started has these paths.
"""

from __future__ import annotations

from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.bus.json_text import parse_json
from nightbus.delivery.history import events_in
from nightbus.delivery.rules import history_log
from nightbus.faults import KINDS, Fault
from nightbus.node.admin.request import AdminRequest, body_scope, body_text
from nightbus.node.virtual_time.control import StillBusy, VirtualTime
from nightbus.store.interface import Entry

_LONGEST_MS = 400 * 24 * 3600 * 1000
_SECONDS = 30.0
_LARGEST = 1e15  # as clocks can add
_PAGE = 1000  # entries


async def settle(request: AdminRequest) -> dict[str, Any]:
    """Body: `seconds`. Answers once the node rests. Raises AwsError NotSettled."""
    virtual, body = _virtual(request), await request.read_json()
    try:
        await virtual.settle(_number(body, "seconds", _SECONDS))
    except StillBusy as busy:
        raise AwsError("NotSettled", str(busy), 409) from busy
    return {"now": virtual.clock.now_ms()}


async def advance(request: AdminRequest) -> dict[str, Any]:
    """Body: `ms` and `seconds`. Answers once so much time has passed. Raises AwsError NotSettled."""
    virtual, body = _virtual(request), await request.read_json()
    by_ms = _number(body, "ms", 0)
    if not 0 <= by_ms <= _LONGEST_MS:
        raise AwsError("ValidationException", "`ms` must be from 0 to 400 days.")
    try:
        await virtual.advance(int(by_ms), _number(body, "seconds", _SECONDS))
    except StillBusy as busy:
        raise AwsError("NotSettled", str(busy), 409) from busy
    return {"now": virtual.clock.now_ms()}


async def events(request: AdminRequest) -> dict[str, Any]:
    """Body: `account` and `region`. All events that their buses keep, as `{"events": [envelope]}`, in order."""
    _virtual(request)
    store, scope, kept = request.node.store, body_scope(await request.read_json()), list[Entry]()
    for log in await store.logs(scope, history_log("")):
        after = 0
        while page := await store.read(scope, log, after=after, limit=_PAGE):
            kept += page
            after = page[-1].offset
    kept.sort(key=lambda entry: entry.offset)
    return {"events": [parse_json(text.decode()) for entry in kept for text, _ in events_in(entry.data)]}


async def fault(request: AdminRequest) -> dict[str, Any]:
    """Body: `target` (an ARN), `kind`, `code`, `message`, `times` (without it: always), `permanent`."""
    virtual, body = _virtual(request), await request.read_json()
    target, kind, times = body_text(body, "target"), body_text(body, "kind"), body.get("times")
    if not target.startswith("arn:") or kind not in KINDS:
        raise AwsError("ValidationException", f"`target` must be an ARN, `kind` one of {', '.join(KINDS)}.")
    if times is not None and (not isinstance(times, int) or times < 1):
        raise AwsError("ValidationException", "`times` must be a whole number from 1.")
    code, message = body_text(body, "code"), body_text(body, "message")
    virtual.faults.add(target, Fault(kind, code, message, times, bool(body.get("permanent"))))
    return {}


async def heal(request: AdminRequest) -> dict[str, Any]:
    """Body: `account`, whose targets have no faults from now on."""
    _virtual(request).faults.clear(body_text(await request.read_json(), "account"))
    return {}


async def warm(request: AdminRequest) -> dict[str, Any]:
    """Body: `account`, and `begins`, whether functions that become active there get an environment from now on."""
    body = await request.read_json()
    account, warming = body_text(body, "account"), _virtual(request).warming
    if body.get("begins"):
        warming.begin(account)
    else:
        warming.end(account)
    return {}


async def forget(request: AdminRequest) -> dict[str, Any]:
    """Body: `account`, of which everything is deleted."""
    account = body_text(await request.read_json(), "account")
    if len(account) != 12 or not account.isdigit():
        raise AwsError("ValidationException", "`account` must have twelve digits.")
    await _virtual(request).forget_account(account)
    return {}


def _virtual(request: AdminRequest) -> VirtualTime:
    if request.node.virtual is None:
        raise AwsError("NotFound", "This node is not for tests: nightbus.testing starts one that is.", 404)
    return request.node.virtual


def _number(body: dict[str, Any], name: str, default: float) -> float:
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise AwsError("ValidationException", f"`{name}` must be a number.")
    if abs(value) > _LARGEST:
        raise AwsError("ValidationException", f"`{name}` is too large.")
    return value
