"""`/`, `/examples/<slug>` and `/about/sandbox`: the pages that one reads before changing anything."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.diagram.pictures import Folds
from app.errors import UserFacingError
from app.lessons.catalog import Lesson, catalog
from app.web.assets import assets
from app.web.notices import notice_of
from app.web.respond import page
from app.web.site import Bench, State
from app.web.traces import notice_page, opened, result_page
from app.web.views import PageView

Unfold = Annotated[str, Query(alias="open", description="The folds of the figure to show open, apart by commas.")]

router = APIRouter(include_in_schema=False)


@router.get("/")
async def home(request: Request, bench: Bench, unfold: Unfold = "") -> Response:
    """The first example, already run."""
    return await lesson_page(request, bench, catalog().first, opened(unfold))


@router.get("/examples/{slug}")
async def example(request: Request, bench: Bench, slug: str, unfold: Unfold = "") -> Response:
    """One example, already run."""
    lesson = catalog().get(slug)
    if lesson is None:
        raise HTTPException(404)
    return await lesson_page(request, bench, lesson, opened(unfold))


@router.get("/about/sandbox")
async def about_sandbox(bench: Bench) -> Response:
    """The layers around every run, as they hold on this machine."""
    return page("sandbox", PageView(site=bench.site(), title="How snippets are kept in"))


@router.get("/favicon.ico")
async def favicon() -> Response:
    """For who asks without having read a page."""
    return RedirectResponse(assets().url("favicon.svg"), 307)


async def lesson_page(request: Request, bench: State, lesson: Lesson, unfold: Folds) -> Response:
    """The bench with `lesson` on it."""
    try:
        run, pictures = await bench.runs.of_lesson(lesson, unfold)
    except UserFacingError as error:
        notice = notice_of(error)
        headers = {"Retry-After": str(notice.retry_after_s)} if notice.retry_after_s else {}
        return notice_page(request, bench, lesson.source, notice, error.status, headers)
    return await run_in_threadpool(result_page, request, bench, lesson.source, run, pictures, lesson)
