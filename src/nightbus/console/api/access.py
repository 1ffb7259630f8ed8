"""Decides who may call the API.

A browser shows the cookie of its session, and for each request that changes something also the session's token, in a
header that no form and no other page can set. A program shows the operator key. With `dev_credentials` a program needs
neither to read, as for the other paths under `/_nightbus/`; a browser, which names itself by `Sec-Fetch-Site`, does.
The gate (`gateway/gate.py`) has refused other pages before this.
"""

from __future__ import annotations

import hmac

from nightbus.aws.errors import AwsError
from nightbus.console.cookies import cookies_of
from nightbus.console.sessions import cluster_mark
from nightbus.identity.console_sessions import ConsoleSessions, Session
from nightbus.node.admin.operator import require_operator
from nightbus.node.admin.request import AdminRequest
from nightbus.node.operator_key import OPERATOR_HEADER

TOKEN_HEADER = "x-nightbus-token"  # noqa: S105 - a name
_READS = ("GET", "HEAD")
_COMMAND = "nightbus console"


async def session_of(request: AdminRequest, sessions: ConsoleSessions) -> Session | None:
    """The session whose cookie the request has, where its browser sent it for the console's own page."""
    site = request.header("sec-fetch-site")
    if site not in (b"", b"same-origin") and not (site == b"none" and request.method in _READS):
        return None
    for cookie in cookies_of(request.asgi, cluster_mark(request)):
        session = await sessions.find(cookie)
        if session is not None:
            return session
    return None


async def admit(request: AdminRequest, sessions: ConsoleSessions) -> Session | None:
    """Return the session of a caller that may go on, None for one without. Raises AwsError for any other caller."""
    if request.header(OPERATOR_HEADER):
        require_operator(request, _COMMAND)
        return None
    reads = request.method in _READS
    session = await session_of(request, sessions)
    if session is None:
        if reads and request.node.dev_credentials and not request.header("sec-fetch-site"):
            return None
        raise AwsError("NotSignedIn", f"Sign in: {_COMMAND} opens a link that does.", 401)
    if not reads and not hmac.compare_digest(request.header(TOKEN_HEADER), session.token.encode()):
        raise AwsError("AccessDenied", f"The header {TOKEN_HEADER} must have the session's token.", 403)
    return session
