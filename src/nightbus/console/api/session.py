"""Tells a signed-in browser where it is, signs people in and out, and makes the links that sign in."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from nightbus import __version__
from nightbus.aws.errors import AwsError
from nightbus.console.api.request import ApiRequest
from nightbus.console.api.routing import Routes
from nightbus.console.api.values import Answer, Body, Done, WithHeaders
from nightbus.console.cookies import cookies_of, set_cookie
from nightbus.console.sessions import cluster_mark, sessions_of
from nightbus.identity.console_sessions import LINK_MS
from nightbus.node.admin.operator import require_operator

SIGN_IN = ("POST", "/session")


class SessionInfo(Answer, frozen=True):
    """Where the caller is. `token` goes with each request that changes something, in the header `x-nightbus-token`;
    it is "" for a program, which shows the operator key."""

    account: str
    region: str
    version: str
    endpoint: str
    token: str
    started: int
    now: int
    settings: dict[str, Any]


class SignInBody(Body, frozen=True):
    """The code of a link."""

    code: Annotated[str, msgspec.Meta(max_length=200)]


class SignInCode(Answer, frozen=True):
    """A code for one sign-in, before `expires`."""

    code: str
    expires: int


class ScopeInfo(Answer, frozen=True):
    """An account and a Region that hold something."""

    account: str
    region: str


class Scopes(Answer, frozen=True):
    scopes: list[ScopeInfo]


async def sign_in(request: ApiRequest, body: SignInBody) -> WithHeaders[Done]:
    """Sign in by the code of a link, which is used up.

    The answer sets the session's cookie.
    """
    if request.http.header("sec-fetch-site") not in (b"", b"same-origin"):
        raise AwsError("AccessDenied", "Only the node's own page may sign in.", 403)
    done = await request.kept(sessions_of).sign_in(body.code)
    if done is None:
        text = "This link was used already, or is older than a minute. nightbus console makes a new one."
        raise AwsError("InvalidCode", text, 403)
    return WithHeaders(Done(), [_cookie(request, done[0])])


async def sign_out(request: ApiRequest) -> WithHeaders[Done]:
    """End the session."""
    for cookie in cookies_of(request.http.asgi, cluster_mark(request.http)):
        await request.kept(sessions_of).sign_out(cookie)
    return WithHeaders(Done(), [_cookie(request, "")])


async def sign_everybody_out(request: ApiRequest) -> WithHeaders[Done]:
    """End all sessions of the console, one's own too, at all nodes, and the links that nobody has opened yet."""
    await request.kept(sessions_of).sign_everybody_out()
    return WithHeaders(Done(), [_cookie(request, "")])


async def make_code(request: ApiRequest) -> SignInCode:
    """Make the code of a link that signs in once; only for the operator key."""
    require_operator(request.http, "nightbus console")
    code = await request.kept(sessions_of).new_code()
    return SignInCode(code=code, expires=request.now_ms() + LINK_MS)


def _cookie(request: ApiRequest, value: str) -> tuple[bytes, bytes]:
    return set_cookie(request.http.asgi, value, cluster_mark(request.http))


async def read_session(request: ApiRequest) -> SessionInfo:
    """Tell where the caller is, and the token for requests that change something."""
    node, settings = request.node, request.http.settings
    return SessionInfo(
        account=request.scope.account,
        region=request.scope.region,
        version=__version__,
        endpoint=node.endpoint,
        token="" if request.session is None else request.session.token,
        started=node.started_ms,
        now=request.now_ms(),
        settings={
            "memory": settings.memory,
            "shared_store": settings.store is not None,
            "authorization": settings.authorization,
            "dev_credentials": settings.dev_credentials,
            "tls": settings.tls,
            "history_hours": settings.retention.hours,
            "history_megabytes": settings.retention.megabytes,
        },
    )


async def list_scopes(request: ApiRequest) -> Scopes:
    """List the accounts and Regions that hold something."""
    found = set(await request.store.log_scopes())
    for kind in _KINDS:
        found |= set(await request.store.scopes(kind))
    own = {one for one in found if one.account and one.region} | {request.scope}
    return Scopes(scopes=[ScopeInfo(account=one.account, region=one.region) for one in sorted(own)])


_KINDS = ("cloudformation/stack", "lambda/function", "events/rule", "events/bus", "sqs/queue", "sns/topic")

ROUTES: Routes = {
    "GET /session": read_session,
    "POST /session": sign_in,
    "DELETE /session": sign_out,
    "POST /session/codes": make_code,
    "POST /sessions/delete": sign_everybody_out,
    "GET /scopes": list_scopes,
}
