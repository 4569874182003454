"""`/compare`: two snippets beside each other, each run, and where their runs part."""

import asyncio
import functools
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Form, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from app.diagram.room import room_in
from app.errors import UserFacingError
from app.lessons.catalog import catalog
from app.web.address import unpack
from app.web.notices import EMPTY, notice_of
from app.web.respond import is_partial, respond
from app.web.shown import Shown
from app.web.site import Bench, State
from app.web.versus import Half, comparison, refused

router = APIRouter(include_in_schema=False)

FIRST = ("data", "detach")  # the lessons that the page opens with
Runner = Callable[[str], Awaitable[Shown]]


@router.get("/compare")
async def compare(
    request: Request,
    bench: Bench,
    left: str = "",
    right: str = "",
    moment: Annotated[str, Query(description="The column to show, from 1; without it, the last.")] = "",
) -> Response:
    """The two snippets that the address carries; `.data` against `.detach()` where it carries none."""
    sides = (_carried(bench, code, slug) for code, slug in zip((left, right), FIRST, strict=True))
    return await _answer(request, bench, tuple(sides), moment, bench.runs.asked)


@router.post("/compare")
async def compare_posted(
    request: Request,
    bench: Bench,
    left: Annotated[str, Form()] = "",
    right: Annotated[str, Form()] = "",
    width: Annotated[str, Form()] = "",
) -> Response:
    """Run both. `width` is that of either side's figures in px, where the page's script knows it."""
    sides = tuple(source.replace("\r\n", "\n") for source in (left, right))  # forms send it so
    return await _answer(request, bench, sides, "", functools.partial(bench.runs.pressed, room=room_in(width)))


def _carried(bench: State, code: str, slug: str) -> str | UserFacingError:
    if not code:
        return catalog()[slug].source
    try:
        return unpack(code, bench.limits.source_bytes).replace("\r\n", "\n")
    except UserFacingError as error:
        return error


async def _answer(
    request: Request, bench: State, sides: tuple[str | UserFacingError, ...], moment: str, run: Runner
) -> Response:
    left, right = await asyncio.gather(_run("left", sides[0], run), _run("right", sides[1], run))
    sources = tuple("" if isinstance(side, UserFacingError) else side for side in sides)
    both = (sources[0], sources[1])
    view = await run_in_threadpool(comparison, bench.site(), bench.limits, left, right, both, moment)
    statuses = [half.status for half in view.halves]
    # a side that was refused is said beside the one that was not
    return respond(is_partial(request), "compare", view, statuses[0] if min(statuses) > 200 else 200)


async def _run(side: str, source: str | UserFacingError, run: Runner) -> Half | Shown:
    if isinstance(source, UserFacingError):
        return refused(side, "", notice_of(source), source.status)
    if not source.strip():
        return refused(side, source, EMPTY, 422)
    try:
        return await run(source)
    except UserFacingError as error:
        return refused(side, source, notice_of(error), error.status)
