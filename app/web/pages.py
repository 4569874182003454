"""`/`, `/examples/<slug>`, `/pitfalls` and `/about/sandbox`: the pages that one reads before changing anything.

A bench can be asked for at a moment (`?moment=5`), with folds open (`?open=m5`), and with a snippet in its address
(`/?code=…`): all that a page shows after scrubbing, a link shows as well.
"""

import functools
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.diagram.pictures import Folds
from app.errors import UserFacingError
from app.explain.pitfalls import by_rule, chapters
from app.lessons.catalog import Lesson, catalog
from app.web.address import Address, folds_in, in_words, pack, unpack
from app.web.answers import Answer, sent
from app.web.assets import assets
from app.web.bench_page import around, result_answer
from app.web.notices import EMPTY, notice_of
from app.web.respond import VARY, is_partial, page
from app.web.sameness import lasts
from app.web.shown import Shown, fold_around, moment_of
from app.web.site import Bench, State
from app.web.traces import notice_page, refused
from app.web.views import PageView, PitfallsView

Unfold = Annotated[
    list[str], Query(alias="open", description="The folds to show open, apart by commas; all that are given.")
]
Moment = Annotated[str, Query(description="The moment to show, from 1; without it, the last.")]

NO_FOLDS: list[str] = []

router = APIRouter(include_in_schema=False)


@router.get("/")
async def home(
    request: Request, bench: Bench, code: str = "", unfold: Unfold = NO_FOLDS, moment: Moment = ""
) -> Response:
    """The first example, already run; or the snippet that the address carries."""
    place = Address(path="/", opened=",".join(unfold))
    if not code:
        return await _lesson(request, bench, catalog().first, place, moment)
    try:
        source = unpack(code, bench.limits.source_bytes).replace("\r\n", "\n")
    except UserFacingError as error:
        return notice_page(request, bench, "", notice_of(error), error.status)
    if not source.strip():
        return notice_page(request, bench, source, EMPTY, 422)
    place = Address(path="/", code=pack(source), opened=place.opened)
    return await _standing(request, bench, functools.partial(bench.runs.asked, source), source, place, moment)


@router.get("/examples/{slug}")
async def example(
    request: Request, bench: Bench, slug: str, unfold: Unfold = NO_FOLDS, moment: Moment = ""
) -> Response:
    """One example, already run."""
    lesson = catalog().get(slug)
    if lesson is None:
        raise HTTPException(404)
    return await _lesson(request, bench, lesson, Address(path=lesson.path, opened=",".join(unfold)), moment)


@router.get("/pitfalls")
async def pitfalls(bench: Bench) -> Response:
    """All that can go wrong, by kind."""
    return page("pitfalls", PitfallsView(site=bench.site(), chapters=chapters()))


@router.get("/pitfalls/{rule}")
async def pitfall(
    request: Request, bench: Bench, rule: str, unfold: Unfold = NO_FOLDS, moment: Moment = ""
) -> Response:
    """One pitfall: why it is so, and the bench with its example on it, already run."""
    found = by_rule().get(rule)
    if found is None:
        raise HTTPException(404)
    place = Address(path=found.path, opened=",".join(unfold))
    return await _standing(
        request, bench, functools.partial(bench.runs.asked, found.example), found.example, place, moment
    )


@router.get("/about/sandbox")
async def about_sandbox(bench: Bench) -> Response:
    """The layers around every run, as they hold on this machine."""
    return page("sandbox", PageView(site=bench.site(), title="How snippets are kept in"))


@router.get("/favicon.ico")
async def favicon() -> Response:
    """For who asks without having read a page."""
    return RedirectResponse(assets().url("favicon.svg"), 307)


async def _lesson(request: Request, bench: State, lesson: Lesson, place: Address, moment: str) -> Response:
    """The bench with `lesson` on it."""
    asked = functools.partial(bench.runs.of_lesson, lesson)
    return await _standing(request, bench, asked, lesson.source, place, moment, lesson)


async def _standing(
    request: Request,
    bench: State,
    asked: Callable[[Folds], Awaitable[Shown]],
    source: str,
    place: Address,
    moment: str,
    lesson: Lesson | None = None,
) -> Response:
    """The bench with a run on it that may have been made before, at a moment, and with the fold open that holds it."""
    folds = folds_in(place.opened)
    bench.makers.expect(bench.runs.sandbox.readers)
    try:
        shown = await asked(folds)
        at = moment_of(moment, shown)
        hidden = fold_around(shown, at)
        if hidden:
            folds |= hidden
            shown = await asked(folds)
    except UserFacingError as error:
        return refused(request, bench, source, error)
    place = Address(path=place.path, code=place.code, opened=in_words(folds))
    beside = around(request, bench, source)

    async def make() -> Answer:
        return await run_in_threadpool(result_answer, beside, source, shown, place, at, lesson)

    # The run may be another one each time, where it is not like the last.
    key = ("standing", is_partial(request), bench.frame, place, at, lesson and lesson.slug, bench.has_fixes(source))
    answer = await bench.answers.of(key, source, make, share=lasts(source, shown.run))
    return sent(request, answer, vary=f"{VARY}, Accept-Encoding")
