"""The application: settings from the environment, the sandbox's life, routes, static files, error pages."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Route
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from app.meters import Meters
from app.sandbox.run import Sandbox
from app.settings import Settings
from app.web import api, compare, fixes, numeric, operators, pages, problems, traces
from app.web.answers import Answers
from app.web.assets import assets
from app.web.fixing import Fixing
from app.web.headers import BodyLimit, HeadAsGet, SecurityHeaders
from app.web.leaving import EndsWithReader
from app.web.makers import Makers
from app.web.openapi import openapi_of
from app.web.outcome import Limits
from app.web.readers import Readers
from app.web.respond import compile_templates
from app.web.runs import Runs
from app.web.site import State

THREADS = 2
DESCRIPTION = "Runs a PyTorch snippet and tells what autograd recorded, what shares memory, and what backward did."


def create_app(settings: Settings | None = None) -> FastAPI:
    """The whole site. The sandbox starts and stops with it."""
    settings = settings or Settings.from_environment()
    meters = Meters()
    sandbox = Sandbox(settings, meters=meters)
    answers = Answers(settings.kept_bytes, meters)
    meters.watch("kept_answers", "Answers that are kept.", lambda: len(answers))
    meters.watch("kept_answer_bytes", "Memory of the answers that are kept.", lambda: answers.bytes)
    metrics = not settings.public if settings.metrics is None else settings.metrics

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        # They draw, and Python lets one at a time: more of them would only keep each other, and this one, waiting.
        current_default_thread_limiter().total_tokens = THREADS
        await sandbox.start()
        compile_templates()
        # What is there by now stays: a full collection that looked through it would hold up a page for 50 ms.
        gc.collect()
        gc.freeze()
        try:
            yield
        finally:
            makers.stop()
            await sandbox.stop()

    app = FastAPI(
        title="Tapescope",
        version=version("tapescope"),
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        routes=[
            Route("/static/{version}/{name:path}", assets().serve),
            *operators.routes(sandbox, metrics=metrics),
        ],
    )
    limits = Limits(
        time_s=settings.deadline_s,
        memory_bytes=settings.memory_bytes,
        output_bytes=settings.output_bytes,
        source_bytes=settings.source_bytes,
    )
    runs, makers = Runs(sandbox), Makers(settings.page_processes)
    meters.watch("page_processes", "Processes that make pages for a crowd, and are ready.", lambda: makers.ready)
    app.state.tapescope = State(
        runs=runs,
        fixing=Fixing(runs),
        limits=limits,
        version=app.version,
        answers=answers,
        makers=makers,
        place=lambda: sandbox.place,
    )
    app.state.sandbox = sandbox  # for who ends the server in good order
    for module in (pages, compare, traces, fixes, numeric, api):
        app.include_router(module.router)
    problems.install(app)
    app.openapi = openapi_of(app)  # type: ignore[method-assign]  # the way that FastAPI documents
    # The last one added is the outermost.
    app.add_middleware(BodyLimit)
    app.add_middleware(EndsWithReader, meters=meters)
    app.add_middleware(Readers, meters=meters, host=sandbox)
    app.add_middleware(GZipMiddleware, minimum_size=1_000, compresslevel=5)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(HeadAsGet)
    if settings.trusted_proxies:
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=settings.trusted_proxies)
    return app
