"""`/numeric`: finite differences beside the gradients of a snippet, as a part of its page."""

from typing import Annotated

from fastapi import APIRouter, Form
from msgspec import Struct
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.diagram.pictures import NONE_OPEN
from app.errors import UserFacingError
from app.explain.numeric import NumericStory
from app.web.address import address_of
from app.web.bench_page import around, result_page
from app.web.notices import EMPTY
from app.web.respond import fragment, is_partial
from app.web.site import Bench
from app.web.traces import notice_page, refused

router = APIRouter(include_in_schema=False)


class NumericView(Struct, frozen=True, kw_only=True):
    """The fragment: the check of `source`, or why there is none."""

    source: str
    numeric: NumericStory


@router.get("/numeric")
async def no_check() -> Response:
    """A reload of a check's address: its source came with the form and is gone."""
    return RedirectResponse("/", 303)


@router.post("/numeric")
async def check_numerically(request: Request, bench: Bench, source: Annotated[str, Form()] = "") -> Response:
    """Check the gradients of `source`; for a plain browser on the page of its run."""
    source = source.replace("\r\n", "\n")  # forms send it so
    request.state.source = source
    if not source.strip():
        return notice_page(request, bench, source, EMPTY, 422)
    try:
        story, _ = await bench.runs.numeric(source)
        if is_partial(request):
            return fragment("numeric", NumericView(source=source, numeric=story))
        shown = await bench.runs.asked(source)
    except UserFacingError as error:
        if not is_partial(request):
            return refused(request, bench, source, error)
        story = NumericStory(headline="The gradients were not checked.", mark="note", texts=(error.message,))
        return fragment("numeric", NumericView(source=source, numeric=story), error.status)
    beside = around(request, bench, source)
    return await run_in_threadpool(result_page, beside, source, shown, address_of(source, NONE_OPEN), numeric=story)
