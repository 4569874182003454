"""`/traces`: the form's own address. A run as a page, or as the parts of it that an htmx request swaps."""

from typing import Annotated

from fastapi import APIRouter, Form
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.errors import UserFacingError
from app.explain.numeric import NumericStory
from app.lessons.catalog import Lesson
from app.web.address import Address, address_of, folds_in
from app.web.notices import EMPTY, notice_of
from app.web.respond import respond
from app.web.shown import Shown
from app.web.site import Bench, State
from app.web.views import BenchView, Notice, opening_of, result_of

router = APIRouter(include_in_schema=False)


@router.get("/traces")
async def no_trace() -> Response:
    """A reload of a result's address: its source came with the form and is gone."""
    return RedirectResponse("/", 303)


@router.post("/traces")
async def create_trace(
    request: Request, bench: Bench, source: Annotated[str, Form()] = "", unfold: Annotated[str, Form(alias="open")] = ""
) -> Response:
    """Run `source`, and show the folds open whose ids are in `unfold`, apart by commas."""
    source = source.replace("\r\n", "\n")  # forms send it so
    request.state.source = source
    if not source.strip():
        return notice_page(request, bench, source, EMPTY, 422)
    folds = folds_in(unfold)
    try:
        shown = await bench.runs.pressed(source, folds)
    except UserFacingError as error:
        return refused(request, bench, source, error)
    place = address_of(source, folds)
    return await run_in_threadpool(result_page, request, bench, source, shown, place)


def result_page(
    request: Request,
    bench: State,
    source: str,
    shown: Shown,
    place: Address,
    moment: int | None = None,
    lesson: Lesson | None = None,
    numeric: NumericStory | None = None,
) -> Response:
    """The page of a run, whatever became of it, at a moment; the last for None."""
    result = result_of(shown, place, moment, bench.limits, source, bench.fixing.kept(source), numeric)
    view = BenchView(site=bench.site(), opening=opening_of(source, lesson), source=source, result=result)
    return respond(request, "bench", view)


def refused(request: Request, bench: State, source: str, error: UserFacingError) -> Response:
    """The page of a source that the sandbox did not take."""
    notice = notice_of(error)
    headers = {"Retry-After": str(notice.retry_after_s)} if notice.retry_after_s else {}
    return notice_page(request, bench, source, notice, error.status, headers)


def notice_page(
    request: Request, bench: State, source: str, notice: Notice, status: int, headers: dict[str, str] | None = None
) -> Response:
    """The page of a source that was not run: it is still in the editor."""
    view = BenchView(site=bench.site(), opening=opening_of(source), source=source, notice=notice)
    response = respond(request, "bench", view, status)
    response.headers.update(headers or {})
    return response
