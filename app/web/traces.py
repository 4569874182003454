"""`/traces`: the form's own address. A run as a page, or as the parts of it that an htmx request swaps."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Form
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from app.diagram.pictures import Folds
from app.diagram.room import Room, room_in
from app.errors import UserFacingError
from app.web.address import address_of, folds_in
from app.web.answers import Answer, sent
from app.web.bench_page import Around, Job, around, page_of, result_answer
from app.web.notices import EMPTY, in_words, notice_of, retry_after_s
from app.web.respond import VARY, is_partial, respond
from app.web.run import Sandboxed
from app.web.sameness import reproducible
from app.web.site import Bench, State
from app.web.views import BenchView, Notice, opening_of

router = APIRouter(include_in_schema=False)

_LONG = 500  # operators


@router.get("/traces")
async def no_trace() -> Response:
    """A reload of a result's address: its source came with the form and is gone."""
    return RedirectResponse("/", 303)


@router.post("/traces")
async def create_trace(
    request: Request,
    bench: Bench,
    source: Annotated[str, Form()] = "",
    unfold: Annotated[str, Form(alias="open")] = "",
    width: Annotated[str, Form()] = "",
) -> Response:
    """Run `source`, and show the folds open whose ids are in `unfold`, apart by commas.

    `width` is that of the figures' column in px, where the page's script knows it.
    """
    source = source.replace("\r\n", "\n")  # forms send it so
    request.state.source = source
    if not source.strip():
        return notice_page(request, bench, source, EMPTY, 422)
    folds, room = folds_in(unfold), room_in(width)

    async def make() -> Answer:
        return await _made(bench, source, folds, room, around(request, bench, source))

    key = ("trace", is_partial(request), bench.frame, folds, room, bench.has_fixes(source))
    try:
        answer = await bench.answers.of(key, source, make, share=reproducible(source))
    except UserFacingError as error:
        return refused(request, bench, source, error)
    return sent(request, answer, vary=f"{VARY}, Accept-Encoding")


@router.get("/traces/place")
async def place(bench: Bench) -> Response:
    """Where the run stands that the asking page waits for, in words; nothing where it stands in no queue."""
    found = bench.place()
    if found is None:
        return Response(status_code=204, headers={"Cache-Control": "no-store"})
    # The further back, the less there is to tell, and the more there are who ask.
    again_s = min(max(round(found.about_s / 4), 1), 10)
    return PlainTextResponse(in_words(found), headers={"Cache-Control": "no-store", "Retry-After": str(again_s)})


async def _made(bench: State, source: str, folds: Folds, room: Room | None, beside: Around) -> Answer:
    """The page of a new run: made here for one reader alone, by a process of its own where more of them wait."""
    bench.makers.expect(bench.runs.sandbox.readers)
    with bench.makers.making():
        if bench.makers.wanted:
            came = await bench.runs.sandboxed(source)
            job = await _job(came, source, folds, room, beside)
            if (answer := await bench.makers.make(page_of, job)) is not None:
                bench.runs.keep(came, source, len(job.trace))
                return answer
            shown = await bench.runs.drawn(came, source, folds, room)
        else:
            shown = await bench.runs.pressed(source, folds, room)
        return await run_in_threadpool(result_answer, beside, source, shown, address_of(source, folds))


async def _job(came: Sandboxed, source: str, folds: Folds, room: Room | None, beside: Around) -> Job:
    if len(came.trace.operations) > _LONG:  # all readers would wait for the milliseconds that it takes to encode it
        return await run_in_threadpool(Job.of, came, source, folds, room, beside)
    return Job.of(came, source, folds, room, beside)


def refused(request: Request, bench: State, source: str, error: UserFacingError) -> Response:
    """The page of a source that the sandbox did not take."""
    notice = msgspec.structs.replace(notice_of(error), reload=request.method == "GET")
    headers = {"Retry-After": str(seconds)} if (seconds := retry_after_s(error)) else {}
    return notice_page(request, bench, source, notice, error.status, headers)


def notice_page(
    request: Request, bench: State, source: str, notice: Notice, status: int, headers: dict[str, str] | None = None
) -> Response:
    """The page of a source that was not run: it is still in the editor."""
    view = BenchView(site=bench.site(), opening=opening_of(source), source=source, notice=notice)
    response = respond(is_partial(request), "bench", view, status)
    response.headers.update(headers or {})
    return response
