"""One child, from the server's side: hand it a request, read its answer, end it in time."""

import asyncio
import os
import signal
from contextlib import suppress

from msgspec import Struct

from app.sandbox import control, frame

_READ_BYTES = 256 * 1024
_END_S = 5.0  # from a SIGKILL, or from the end of an answer, to the report of the end


class DiedIdle(Exception):  # noqa: N818  # it says what happened
    """The child was gone before it took its request."""


class Received(Struct, frozen=True, kw_only=True):
    """What came out of a child, and how it ended where that had to be waited for."""

    kind: bytes | None = None  # of the frame; None: no whole one came
    body: bytes = b""
    too_large: bool = False
    surplus: bool = False  # more came than the frame that was announced
    late: bool = False  # the deadline had passed
    exited: control.Exited | None = None


class Child:
    """A jailed process that waits for one request."""

    def __init__(self, key: int, pidfd: int, request: int, answer: int) -> None:
        self.key = key
        loop = asyncio.get_running_loop()
        self.born_s = loop.time()
        self.exited: asyncio.Future[control.Exited | None] = loop.create_future()  # None: lost with its zygote
        self._pidfd, self._request, self._answer = pidfd, request, answer
        self._closed = False
        self._late = False
        for descriptor in (request, answer):
            os.set_blocking(descriptor, False)

    async def run(self, request: bytes, *, deadline_s: float, grace_s: float, most_bytes: int) -> Received:
        """Hand over `request` and wait for the answer: until the deadline, and not a read longer.

        At the deadline the child is asked to answer with what it has; `grace_s` later it is killed.
        Raises DiedIdle if it was gone before it took the request.
        """
        loop = asyncio.get_running_loop()
        ends_s = loop.time() + deadline_s
        timers = (loop.call_at(ends_s, self._ask), loop.call_at(ends_s + grace_s, self.kill))
        try:
            async with asyncio.timeout_at(ends_s + grace_s + _END_S):
                await self._hand_over(frame.pack(b"R", request))
                received = await self.read(most_bytes)
        except TimeoutError:
            return Received(late=True)  # not even SIGKILL ended it in time: it hangs inside the kernel
        finally:
            for timer in timers:
                timer.cancel()
        return received

    async def read(self, most_bytes: int) -> Received:
        """One frame of at most `most_bytes`, or how the child ended instead."""
        data = bytearray()
        while part := await self._part():
            data += part
            if len(data) >= frame.HEADER.size:
                kind, length = frame.HEADER.unpack_from(data)
                whole = frame.HEADER.size + length
                if kind not in (b"A", b"F", b"N"):
                    return Received(kind=kind)
                if length > most_bytes:
                    return Received(too_large=True, late=self._late)
                if len(data) >= whole:
                    body = bytes(memoryview(data)[frame.HEADER.size : whole])
                    return Received(kind=kind, body=body, surplus=len(data) > whole, late=self._late)
        return Received(exited=await self.end(), late=self._late)

    async def stir(self) -> None:
        """Wait for the first byte of the answer, which is lost: a sign that the child is past its jail."""
        await self._part()

    async def end(self) -> control.Exited | None:
        """How the child ended; None if that will not be known."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_END_S):
                return await asyncio.shield(self.exited)
        return None

    def kill(self) -> None:
        """End the process, wherever it is."""
        self._late = True
        self._signal(signal.SIGKILL)

    def close(self) -> None:
        """End the process, if it has not ended, and let go of it."""
        if self._closed:
            return
        self._closed = True
        self._signal(signal.SIGKILL)
        loop = asyncio.get_running_loop()
        loop.remove_writer(self._request)
        loop.remove_reader(self._answer)
        for descriptor in (self._pidfd, self._request, self._answer):
            os.close(descriptor)

    def _ask(self) -> None:
        self._late = True
        self._signal(signal.SIGUSR1)

    def _signal(self, number: signal.Signals) -> None:
        # Not permitted: root without CAP_KILL. The probe of the wall clock finds that out, and nothing is run.
        with suppress(ProcessLookupError, PermissionError):
            signal.pidfd_send_signal(self._pidfd, number)

    async def _hand_over(self, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._request, rest) :]
            except BlockingIOError:
                writable = loop.create_future()
                loop.add_writer(self._request, _settle, writable)
                try:
                    await writable
                finally:
                    loop.remove_writer(self._request)
            except BrokenPipeError:
                raise DiedIdle from None

    async def _part(self) -> bytes:
        """The next bytes of the answer; empty at its end."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                return os.read(self._answer, _READ_BYTES)
            except BlockingIOError:
                readable = loop.create_future()
                loop.add_reader(self._answer, _settle, readable)
                try:
                    await readable
                finally:
                    loop.remove_reader(self._answer)


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
