"""A reader who leaves takes the request along: its run is ended, or its place in the queue freed."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.meters import Meters


class EndsWithReader:
    """Cancels a request as soon as its connection is closed."""

    def __init__(self, app: ASGIApp, meters: Meters) -> None:
        self.app, self.meters = app, meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/static/"):
            await self.app(scope, receive, send)
            return
        came: asyncio.Queue[Message] = asyncio.Queue(1)
        request = asyncio.current_task()
        answered = left = False

        async def listen() -> None:
            """Hand on what comes, one message ahead: only whoever listens hears that the reader has left."""
            nonlocal left
            while (message := await receive())["type"] != "http.disconnect":
                await came.put(message)
            if not answered and request:
                left = True
                request.cancel()

        async def send_noting(message: Message) -> None:
            nonlocal answered
            answered = message["type"] == "http.response.body" and not message.get("more_body", False)
            await send(message)

        listening = asyncio.create_task(listen())
        try:
            await self.app(scope, came.get, send_noting)
        except asyncio.CancelledError:
            if not left or request is None:
                raise
            request.uncancel()
            self.meters.reader_left()
        finally:
            listening.cancel()
