"""Answers as they are sent: made once for all who ask meanwhile, compressed once, and kept for who asks later.

A class that runs the lesson's snippet costs one run, one drawing and one page. Kept is what is sent, compressed:
all that it was made from takes a hundred times as much.
"""

import gzip
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from hashlib import sha256

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from app.meters import Meters
from app.sandbox.asking import asking
from app.web.together import Together

# A page of 130 kB: level 1 takes 0.5 ms and leaves 25 kB, level 5 takes 1.1 ms and leaves 20 kB.
LEVEL = 1
_OVERHEAD_BYTES = 500  # of one entry, beside its texts
MOST_SHARE = 8  # no answer is kept that takes more than this part of the room

Key = tuple[object, ...]


class Answer(Struct, frozen=True, kw_only=True):
    """The body of a response, and what its headers need."""

    packed: bytes
    media_type: str
    etag: str
    lasts: bool  # whether the next run of the same source would give the same
    run: str | None = None

    @classmethod
    def of(cls, body: bytes, media_type: str, *, lasts: bool) -> "Answer":
        """`body`, compressed."""
        packed = gzip.compress(body, LEVEL, mtime=0)
        return cls(packed=packed, media_type=media_type, etag=f'W/"{sha256(body).hexdigest()[:24]}"', lasts=lasts)


class Answers:
    """Least recently used goes first."""

    def __init__(self, most_bytes: int, meters: Meters) -> None:
        self._most_bytes, self._meters = most_bytes, meters
        self._kept: OrderedDict[Key, tuple[Answer, int]] = OrderedDict()
        self._together: Together[Key, Answer] = Together()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    async def of(self, key: Key, source: str, make: Callable[[], Awaitable[Answer]], *, share: bool) -> Answer:
        """The answer to `source` that `key` names: kept, being made for somebody else, or made now.

        Without `share` it is made for this reader alone.
        """
        key = (*key, source)
        if not share:
            self._meters.answered("made")
            return await make()
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
            self._meters.answered("kept")
            asking().run = kept[0].run
            return kept[0]
        self._meters.answered("shared" if key in self._together else "made")
        return await self._together.of(key, lambda: self._made(key, source, make))

    async def _made(self, key: Key, source: str, make: Callable[[], Awaitable[Answer]]) -> Answer:
        answer = await make()
        if answer.lasts:
            answer = Answer(
                packed=answer.packed,
                media_type=answer.media_type,
                etag=answer.etag,
                lasts=True,
                run=asking().run,
            )
            self._keep(key, answer, len(answer.packed) + 2 * len(source) + _OVERHEAD_BYTES)
        return answer

    def _keep(self, key: Key, answer: Answer, size: int) -> None:
        if size * MOST_SHARE > self._most_bytes:
            return
        _, before = self._kept.pop(key, (None, 0))
        self._kept[key] = answer, size
        self.bytes += size - before
        while self.bytes > self._most_bytes:
            _, (_, freed) = self._kept.popitem(last=False)
            self.bytes -= freed


def sent(request: Request, answer: Answer, *, vary: str = "Accept-Encoding") -> Response:
    """The response that carries `answer`, as this reader can take it; 304 where it has it already."""
    headers = {"ETag": answer.etag, "Vary": vary, "Cache-Control": "no-cache"}
    if request.method == "GET" and _has(request, answer.etag):
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Response(answer.packed, media_type=answer.media_type, headers=headers)
    return Response(gzip.decompress(answer.packed), media_type=answer.media_type, headers=headers)


def _has(request: Request, etag: str) -> bool:
    named = request.headers.get("If-None-Match", "")
    return etag in (part.strip() for part in named.split(",")) or named.strip() == "*"
