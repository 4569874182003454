"""One press of Run: the trace, the reference run where it is needed, and what both show."""

import asyncio
from typing import Protocol

from msgspec import Struct
from starlette.concurrency import run_in_threadpool

from app.diagram.pictures import NONE_OPEN, Folds, Pictures, draw
from app.errors import UserFacingError
from app.explain import explain
from app.explain.contrast import GradContrast, contrast, needs_reference
from app.explain.diagnosis import Diagnosis
from app.lessons.catalog import Lesson
from app.sandbox.run import Layer
from app.trace.model import Reference, Trace


class SnippetRunner(Protocol):
    """What the web room needs of the sandbox."""

    @property
    def layers(self) -> tuple[Layer, ...]: ...

    @property
    def ready(self) -> bool: ...

    async def trace(self, source: str) -> Trace: ...

    async def reference(self, source: str) -> Reference: ...


class Run(Struct, frozen=True, kw_only=True):
    """A snippet's run and what follows from it.

    `contrasts` are the gradients that the values which were saved would change; `not_compared` says why there
    is no reference run where there should be one.
    """

    trace: Trace
    diagnoses: tuple[Diagnosis, ...]
    reference: Reference | None = None
    contrasts: tuple[GradContrast, ...] = ()
    not_compared: str | None = None


class Runs:
    """Runs snippets, and keeps the runs of our own lessons: every visit opens with one."""

    def __init__(self, sandbox: SnippetRunner) -> None:
        self.sandbox = sandbox
        self._kept: dict[str, tuple[Run, Pictures]] = {}
        self._running: dict[str, asyncio.Task[tuple[Run, Pictures]]] = {}

    async def of(self, source: str) -> Run:
        """The run of `source`, whatever became of it. Raises UserFacingError where it was not accepted."""
        return await self._explained(source, await self.sandbox.trace(source))

    async def drawn(self, source: str, unfold: Folds) -> tuple[Run, Pictures]:
        """The same with its pictures: they are drawn while the reference run is under way."""
        trace = await self.sandbox.trace(source)
        return await asyncio.gather(self._explained(source, trace), run_in_threadpool(draw, trace, unfold))

    async def of_lesson(self, lesson: Lesson, unfold: Folds) -> tuple[Run, Pictures]:
        """The run of a lesson's snippet and its pictures; the run is kept from the first one that went through."""
        run, pictures = self._kept.get(lesson.slug) or await self._first_of(lesson)
        return run, await run_in_threadpool(draw, run.trace, unfold) if unfold else pictures

    async def _first_of(self, lesson: Lesson) -> tuple[Run, Pictures]:
        # Shared by all who ask meanwhile: a class that opens the page together costs one run.
        task = self._running.get(lesson.slug)
        if task is None:
            task = self._running[lesson.slug] = asyncio.create_task(self.drawn(lesson.source, NONE_OPEN))
            task.add_done_callback(lambda _: self._running.pop(lesson.slug, None))
        run, pictures = await asyncio.shield(task)
        if run.trace.outcome.kind != "stopped" and run.not_compared is None:
            self._kept[lesson.slug] = run, pictures
        return run, pictures

    async def _explained(self, source: str, trace: Trace) -> Run:
        diagnoses = explain(trace)
        if not needs_reference(trace):
            return Run(trace=trace, diagnoses=diagnoses)
        try:
            reference = await self.sandbox.reference(source)
        except UserFacingError as refused:
            return Run(trace=trace, diagnoses=diagnoses, not_compared=str(refused))
        contrasts = contrast(trace, reference)
        return Run(trace=trace, diagnoses=diagnoses, reference=reference, contrasts=contrasts)
