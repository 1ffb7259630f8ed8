"""Answers every request for the console: its pages and files, the sign-in, and the API."""

from __future__ import annotations

from nightbus.console.addresses import address_elsewhere
from nightbus.console.api.application import Api
from nightbus.console.headers import PAGE_HEADERS
from nightbus.console.mount import API, CONSOLE
from nightbus.console.samples import Samples
from nightbus.console.web_files import WebFiles
from nightbus.node.admin.request import AdminRequest

SIGN_IN = f"{CONSOLE}/sign-in"
_WEB = f"{CONSOLE}/web/"
_SIGN_IN_PAGE = "sign_in.html"


class Site:
    def __init__(self, samples: Samples | None = None) -> None:
        """`samples` are those of the node's numbers since its start; by default they begin at the first look."""
        self._files = WebFiles()
        self._api = Api(samples)

    async def serve(self, request: AdminRequest) -> None:
        path: str = request.asgi["path"]
        if path.startswith(API):
            await self._api.serve(request)
        elif request.method not in ("GET", "HEAD"):
            await _send_plain(request, 405, "The console's pages answer GET.\n", [(b"allow", b"GET, HEAD")])
        elif (elsewhere := address_elsewhere(request.asgi)) is not None:
            await _send_plain(request, 307, "", [(b"location", elsewhere.encode())])
        else:
            await self._send_file(request, path)

    async def _send_file(self, request: AdminRequest, path: str) -> None:
        """A file of `web`, or the page that shows what any other path stands for."""
        if path.startswith(_WEB):
            file = await self._files.find(path[len(_WEB) :])
        elif path == SIGN_IN:
            file = await self._files.find(_SIGN_IN_PAGE)
        else:
            file = await self._files.shell(path[len(CONSOLE) :])
        if file is None:
            await _send_plain(request, 404, "There is no such file of the console.\n", [])
            return
        status, headers, body = file.response(
            request.header("if-none-match"), request.header("accept-encoding")
        )
        await request.send(
            {"type": "http.response.start", "status": status, "headers": [*headers, *PAGE_HEADERS]}
        )
        await request.send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else body})

    def in_memory(self) -> dict[str, int]:
        return {**self._files.in_memory(), **self._api.in_memory()}


async def _send_plain(
    request: AdminRequest, status: int, text: str, headers: list[tuple[bytes, bytes]]
) -> None:
    body = text.encode()
    own = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    start = {"type": "http.response.start", "status": status, "headers": [*own, *headers, *PAGE_HEADERS]}
    await request.send(start)
    await request.send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else body})
