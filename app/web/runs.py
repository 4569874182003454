"""One press of Run: the trace, the reference run where it is needed, and what both show."""

import asyncio
from typing import Protocol

from starlette.concurrency import run_in_threadpool

from app.diagram.pictures import NONE_OPEN, Folds, Pictures, draw
from app.diagram.room import Room
from app.errors import UserFacingError
from app.explain.contrast import needs_reference
from app.explain.numeric import NumericStory, disagrees, tell
from app.lessons.catalog import Lesson
from app.sandbox.run import Layer
from app.trace.model import Reference, Trace
from app.trace.numeric import Numeric
from app.trace.wire import encode
from app.web.recent import Recent
from app.web.run import Run, Sandboxed, run_of
from app.web.shown import Shown, show
from app.web.together import Together


class SnippetRunner(Protocol):
    """What the web room needs of the sandbox."""

    @property
    def layers(self) -> tuple[Layer, ...]: ...

    @property
    def ready(self) -> bool: ...

    @property
    def readers(self) -> int: ...

    async def trace(self, source: str) -> Trace: ...

    async def reference(self, source: str) -> Reference: ...

    async def numeric(self, source: str) -> Numeric: ...


class Runs:
    """Runs snippets, and keeps what of them is likely to be asked for again.

    The runs of our own lessons are kept for good: every visit opens with one. Of others the most recent are: a
    reader without scripts asks for a page at every moment.
    """

    def __init__(self, sandbox: SnippetRunner) -> None:
        self.sandbox = sandbox
        self._lessons: dict[str, Shown] = {}
        self._recent = Recent()
        self._under_way: Together[str, Shown] = Together()

    async def sandboxed(self, source: str) -> Sandboxed:
        """A new run of `source`, whatever became of it. Raises UserFacingError where it was not accepted."""
        return await self._compared(source, await self.sandbox.trace(source))

    async def of(self, source: str) -> Run:
        """A new run of `source`, explained. Raises as `sandboxed`."""
        return run_of(await self.sandboxed(source), source)

    async def pressed(self, source: str, unfold: Folds = NONE_OPEN, room: Room | None = None) -> Shown:
        """A new run of `source`, with the folds in `unfold` open, for one room where it is known.

        Its pictures are drawn while the reference runs.
        """
        trace = await self.sandbox.trace(source)
        came, pictures = await asyncio.gather(
            self._compared(source, trace), run_in_threadpool(draw, trace, unfold, room)
        )
        return await run_in_threadpool(self._shown, came, pictures, source, unfold)

    async def drawn(self, came: Sandboxed, source: str, unfold: Folds, room: Room | None) -> Shown:
        """What came out of the sandbox as a page shows it."""
        pictures = await run_in_threadpool(draw, came.trace, unfold, room)
        return await run_in_threadpool(self._shown, came, pictures, source, unfold)

    def keep(self, came: Sandboxed, source: str, size: int) -> None:
        """Remember the latest run of `source`, of which a page was made elsewhere; its trace has `size` bytes."""
        self._recent.note(source, came, size)

    async def ran(self, source: str) -> Run:
        """The latest run of `source` where it is still kept, else a new one."""
        return await self._kept(source) or (await self._together(source)).run

    async def numeric(self, source: str) -> tuple[NumericStory, Numeric]:
        """The numeric check of `source` in words, and as it is. Raises UserFacingError where it was not accepted."""
        checked = await self.sandbox.numeric(source)
        trace = None
        if disagrees(checked):  # which line may be the reason, the trace knows
            kept = await self._kept(source)
            trace = kept.trace if kept is not None else await self.sandbox.trace(source)
        return await run_in_threadpool(tell, checked, trace), checked

    async def asked(self, source: str, unfold: Folds = NONE_OPEN) -> Shown:
        """The latest run of `source` where it is still kept, else a new one."""
        kept = self._recent.get(source, unfold)
        if kept is not None:
            return kept
        if (run := await self._kept(source)) is not None:
            return await self._redrawn(run, source, unfold)
        shown = await self._together(source)
        return await self._redrawn(shown.run, source, unfold) if unfold else shown

    async def of_lesson(self, lesson: Lesson, unfold: Folds = NONE_OPEN) -> Shown:
        """The run of a lesson's snippet; it is kept from the first one that went through."""
        shown = self._lessons.get(lesson.slug)
        if shown is None:
            shown = await self._together(lesson.source)
            if shown.run.trace.outcome.kind != "stopped" and shown.run.not_compared is None:
                self._lessons[lesson.slug] = shown
        if not unfold:
            return shown
        return self._recent.get(lesson.source, unfold) or await self._redrawn(shown.run, lesson.source, unfold)

    async def _redrawn(self, run: Run, source: str, unfold: Folds) -> Shown:
        again = await run_in_threadpool(_with_open, run, source, unfold)
        await run_in_threadpool(self._recent.add, source, unfold, again)
        return again

    def _shown(self, came: Sandboxed, pictures: Pictures, source: str, unfold: Folds) -> Shown:
        shown = show(run_of(came, source), pictures, source)
        if pictures.room is None:
            self._recent.renew(source, unfold, shown)
        else:  # who asks for it again may have other room
            self._recent.note(source, shown.run, len(encode(came.trace)))
        return shown

    async def _kept(self, source: str) -> Run | None:
        return await run_in_threadpool(self._recent.run_of, source)

    async def _together(self, source: str) -> Shown:
        # Shared by all who ask meanwhile: a class that opens the page together costs one run.
        return await self._under_way.of(source, lambda: self.pressed(source))

    async def _compared(self, source: str, trace: Trace) -> Sandboxed:
        if not needs_reference(trace):
            return Sandboxed(trace=trace)
        try:
            return Sandboxed(trace=trace, reference=await self.sandbox.reference(source))
        except UserFacingError as refused:
            return Sandboxed(trace=trace, not_compared=str(refused))


def _with_open(run: Run, source: str, unfold: Folds) -> Shown:
    pictures: Pictures = draw(run.trace, unfold)
    return show(run, pictures, source)
