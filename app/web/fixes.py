"""`/fixes`: the changes that were run and found to mend what a run showed. Asked for when its page is there."""

import difflib
from typing import Annotated

import msgspec
from fastapi import APIRouter, Body, Form
from msgspec import Meta, Struct
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from app.errors import UserFacingError
from app.explain.diagnosis import Diagnosis
from app.explain.fixes import Fix, GradChange
from app.trace import contract
from app.trace.model import Outcome
from app.web.address import address_of
from app.web.api import PROBLEMS, TraceRequest
from app.web.bench_page import around, result_page
from app.web.fix_views import FixesView, announced, finding_fixes
from app.web.fixing import Tried
from app.web.respond import respond
from app.web.run import Run
from app.web.site import Bench
from app.web.traces import refused

FIX_LIST = "#/components/schemas/FixList"  # put there by openapi.py

router = APIRouter()


@router.get("/fixes", include_in_schema=False)
async def no_fixes() -> Response:
    """A reload of an address that only a form leads to."""
    return RedirectResponse("/", 303)


@router.post("/fixes", include_in_schema=False)
async def try_fixes(
    request: Request, bench: Bench, source: Annotated[str, Form()] = "", finding: Annotated[int, Form()] = 0
) -> Response:
    """The fixes of one finding, for its place in the page; for a plain browser the whole page with all of them."""
    source = source.replace("\r\n", "\n")  # forms send it so
    partial = request.headers.get("HX-Request-Type") == "partial"
    try:
        tried = await bench.fixing.of(source, await bench.runs.ran(source))
        shown = None if partial else await bench.runs.asked(source)
    except UserFacingError as error:
        if not partial:
            return refused(request, bench, source, error)
        tried, shown = Tried(fixes=(), left=str(error)), None
    if shown is not None:
        beside = around(request, bench, source)
        return await run_in_threadpool(result_page, beside, source, shown, address_of(source, frozenset()))
    fixes = finding_fixes(source, finding, tried)
    return respond(partial, "fixes", FixesView(fixes=fixes, announcement=announced(fixes) if finding == 0 else ""))


class VerifiedFix(Struct, frozen=True, kw_only=True):
    """A change of the source that was run: the finding that it is for is gone, and nothing new is found."""

    rule: Annotated[str, Meta(description="The finding that it mends.")]
    lines: Annotated[tuple[int, ...], Meta(description="The lines of that finding, the guilty ones first.")]
    title: Annotated[str, Meta(description="What to change, as an instruction.")]
    diff: Annotated[str, Meta(description="The change as a unified diff.")]
    source: Annotated[str, Meta(description="The whole source with the change.")]
    outcome: Outcome
    refuses: Annotated[bool, Meta(description="Torch now raises, where the result was silently wrong.")]
    intact: Annotated[bool, Meta(description="The gradients were wrong, and are now those of the saved values.")]
    gradients: Annotated[tuple[GradChange, ...], Meta(description="Those that are others with the change.")]


class FixList(Struct, frozen=True, kw_only=True):
    """The fixes of a run, for each finding the best first. `left` says why some could not be run."""

    fixes: tuple[VerifiedFix, ...]
    left: str | None = None


@router.post(
    "/api/v1/fixes",
    tags=["Traces"],
    operation_id="createFixes",
    summary="Try what may mend a snippet",
    responses={
        200: {
            "description": "The changes that mend a finding; each was run.",
            "content": {"application/json": {"schema": {"$ref": FIX_LIST}}},
        },
        **PROBLEMS,
    },
    response_model=None,
    response_class=JSONResponse,
)
async def create_fixes(bench: Bench, wanted: Annotated[TraceRequest, Body()]) -> Response:
    """Runs the source, and the changes that may mend what is found in it; answers with those that do."""
    run = await bench.runs.of(wanted.source)
    tried = await bench.fixing.of(wanted.source, run)
    return Response(await run_in_threadpool(_encoded, wanted.source, run, tried), media_type="application/json")


def _encoded(source: str, run: Run, tried: Tried) -> bytes:
    fixes = tuple(
        _public(source, diagnosis, fix)
        for diagnosis, found in zip(run.diagnoses, tried.fixes, strict=True)
        for fix in found
    )
    return msgspec.json.encode(contract.plain(FixList(fixes=fixes, left=tried.left)))


def _public(source: str, diagnosis: Diagnosis, fix: Fix) -> VerifiedFix:
    lines = difflib.unified_diff(source.splitlines(), fix.source.splitlines(), "yours", "fixed", lineterm="")
    return VerifiedFix(
        rule=diagnosis.rule,
        lines=diagnosis.lines,
        title=fix.title,
        diff="\n".join(lines),
        source=fix.source,
        outcome=fix.outcome,
        refuses=fix.refuses,
        intact=fix.intact,
        gradients=fix.gradients,
    )
