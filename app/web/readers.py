"""Who asks: the reader of each request, told apart by address and page; who has come; and what each request cost.

A page names itself by a random word of its own, which its script sends along. It is no cookie: nobody keeps it, and
it is worth nothing but a share of the turns that its address has anyway.
"""

import ipaddress
import re
import time
from contextlib import AbstractContextManager
from typing import Protocol

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.meters import Meters
from app.sandbox.asking import Asking, asked_by

PAGE = "Tapescope-Page"
RUN = "Tapescope-Run"  # the name of the run in the log
_NETWORK_BITS = 64  # of IPv6, one subscriber has 2⁶⁴ addresses or more
_word = re.compile(r"[A-Za-z0-9-]{1,40}").fullmatch


class Host(Protocol):
    """Who makes ready for readers: the sandbox."""

    def expect(self, who: Asking) -> None: ...

    def attend(self) -> AbstractContextManager[None]: ...


class Readers:
    """Says who asks before anything else is asked, and names the run that the answer shows."""

    def __init__(self, app: ASGIApp, meters: Meters, host: Host) -> None:
        self.app, self.meters, self.host = app, meters, host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/static/"):
            await self.app(scope, receive, send)
            return
        who = reader_of(scope)
        asked_by(who)
        if is_visit(scope):
            self.host.expect(who)
        begun_s = time.perf_counter()
        status = 0

        async def send_named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if who.run:
                    MutableHeaders(scope=message)[RUN] = who.run
            await send(message)

        try:
            with self.host.attend():
                await self.app(scope, receive, send_named)
        finally:
            if status:
                route = getattr(scope.get("route"), "path", None) or "none"
                self.meters.request(route, status, time.perf_counter() - begun_s)


def is_visit(scope: Scope) -> bool:
    """Whether a browser opens a page: no part of one, no form, no check of the server's health."""
    headers = Headers(scope=scope)
    wants_page = "text/html" in headers.get("Accept", "") and headers.get("HX-Request-Type") != "partial"
    return scope["method"] == "GET" and wants_page


def reader_of(scope: Scope) -> Asking:
    """The reader of a request, by the address that it came from and the page that it names."""
    client = scope.get("client")
    page = Headers(scope=scope).get(PAGE, "")
    return Asking(address=neighbourhood(client[0]) if client else "", page=page if _word(page) else "")


def neighbourhood(address: str) -> str:
    """What one subscriber has of addresses: one of IPv4, 2⁶⁴ of IPv6; what is no address stands for itself."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, _NETWORK_BITS), strict=False))
