"""`/api/v1` and `/healthz`: the public JSON contract."""

from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Body
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.explain.diagnosis import Diagnosis
from app.explain.errors.explanation import Explanation
from app.trace import contract
from app.web.answers import Answer, sent
from app.web.api_docs import ApiView, read_document
from app.web.respond import page
from app.web.run import Run
from app.web.sameness import lasts, reproducible
from app.web.site import Bench

TRACE = "#/components/schemas/Trace"  # put there by openapi.py
NUMERIC = "#/components/schemas/Numeric"

router = APIRouter(tags=["Traces"])


class TraceRequest(BaseModel):
    """A snippet to run."""

    source: str = Field(description="Python source that uses torch.", examples=["import torch\nprint(torch.ones(3))"])


class Problem(BaseModel):
    """Why there is no answer."""

    error: str = Field(description="What happened, in one word.", examples=["queue-full"])
    message: str = Field(description="What happened and what to do next, as a sentence.")


class LayerState(BaseModel):
    """One layer of the sandbox, as a jailed child found it when it tried to break it."""

    name: str
    core: bool = Field(description="A server that is told to be public does not start without it.")
    active: bool
    stops: str = Field(description="What it keeps a snippet from.")
    missing_because: str | None


class Health(BaseModel):
    """Whether a run can be served now."""

    status: Literal["ready", "unavailable"]
    version: str
    layers: list[LayerState]


PROBLEMS: dict[int | str, dict[str, Any]] = {
    413: {"model": Problem, "description": "The source is over the limit."},
    422: {"model": Problem, "description": "The body is not the JSON that is asked for."},
    429: {
        "model": Problem,
        "description": "The queue is full.",
        "headers": {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}},
    },
    503: {
        "model": Problem,
        "description": "No run can be served.",
        "headers": {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}},
    },
}


@router.post(
    "/api/v1/traces",
    operation_id="createTrace",
    summary="Run a snippet",
    responses={
        200: {
            "description": "What the run did, whatever became of it: also for one that raised or was stopped.",
            "content": {"application/json": {"schema": {"$ref": TRACE}}},
        },
        **PROBLEMS,
    },
    response_class=JSONResponse,
    response_model=None,
)
async def create_trace(request: Request, bench: Bench, wanted: Annotated[TraceRequest, Body()]) -> Response:
    """Runs the source once in the sandbox and answers with its Trace."""
    source = wanted.source

    async def make() -> Answer:
        return await run_in_threadpool(_encoded, await bench.runs.of(source), source)

    return sent(request, await bench.answers.of(("json",), source, make, share=reproducible(source)))


@router.post(
    "/api/v1/numeric",
    operation_id="checkNumerically",
    summary="Compare gradients with finite differences",
    responses={
        200: {
            "description": "What was compared, and what could not be.",
            "content": {"application/json": {"schema": {"$ref": NUMERIC}}},
        },
        **PROBLEMS,
    },
    response_class=JSONResponse,
    response_model=None,
)
async def check_numerically(bench: Bench, wanted: Annotated[TraceRequest, Body()]) -> Response:
    """Runs the source again and again, with one element of one leaf moved, and compares slopes with gradients."""
    told, checked = await bench.runs.numeric(wanted.source)
    body = msgspec.json.encode(contract.public_numeric(checked, told))
    return Response(body, media_type="application/json")


@router.get(
    "/api/v1/schema",
    operation_id="traceSchema",
    summary="The JSON Schema of a Trace",
    responses={
        200: {"description": "The schema.", "content": {"application/schema+json": {"schema": {"type": "object"}}}}
    },
    response_class=JSONResponse,
    response_model=None,
)
async def trace_schema() -> Response:
    """The schema that the answers of `POST /api/v1/traces` follow."""
    return Response(msgspec.json.encode(contract.schema(Diagnosis, Explanation)), media_type="application/schema+json")


@router.get(
    "/healthz",
    operation_id="health",
    summary="Whether a run can be served",
    response_model=Health,
    response_description="A run can be served.",
    responses={503: {"model": Health, "description": "No run can be served now."}},
)
async def health(bench: Bench) -> Response:
    """200 while a run can be served; lists the layers of the sandbox either way."""
    sandbox = bench.runs.sandbox
    layers = [LayerState.model_validate(msgspec.structs.asdict(layer)) for layer in sandbox.layers]
    state = Health(status="ready" if sandbox.ready else "unavailable", version=bench.version, layers=layers)
    return Response(state.model_dump_json(), 200 if sandbox.ready else 503, media_type="application/json")


@router.get("/api/docs", include_in_schema=False)
async def docs(request: Request, bench: Bench) -> Response:
    """The OpenAPI document, to read."""
    document = read_document(request.app.openapi())
    origin = str(request.base_url).rstrip("/")
    return page("api_docs", ApiView(site=bench.site(), title="The API", document=document, origin=origin))


def _encoded(run: Run, source: str) -> Answer:
    body = msgspec.json.encode(contract.public(run.trace, run.diagnoses, run.reference, run.explained))
    return Answer.of(body, "application/json", lasts=lasts(source, run))
