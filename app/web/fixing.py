"""Tries the changes that may mend what a run showed, by running each; keeps what came of it."""

import asyncio
from collections import OrderedDict

from msgspec import Struct
from starlette.concurrency import run_in_threadpool

from app.errors import UserFacingError
from app.explain.fixes import Candidate, Fix, Ran, judge, propose, ranked
from app.trace.model import Trace
from app.web.run import Run
from app.web.runs import Runs

MOST_KEPT = 64
MOST_AT_ONCE = 4  # of all readers together: who presses Run goes first


class Tried(Struct, frozen=True, kw_only=True):
    """The fixes of a run, for each of its findings the best first; `left` says why some could not be tried."""

    fixes: tuple[tuple[Fix, ...], ...]
    left: str | None = None


class Fixing:
    """Runs proposals side by side. Who asks for the same source meanwhile waits for the same runs."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self._kept: OrderedDict[str, Tried] = OrderedDict()
        self._trying: dict[str, asyncio.Task[Tried]] = {}
        self._few = asyncio.Semaphore(MOST_AT_ONCE)

    def kept(self, source: str) -> Tried | None:
        """What came of it, if it was tried lately."""
        return self._kept.get(source)

    async def of(self, source: str, run: Run) -> Tried:
        """The fixes of `run`, which is that of `source`."""
        if (kept := self._kept.get(source)) is not None:
            self._kept.move_to_end(source)
            return kept
        task = self._trying.get(source)
        if task is None:
            task = self._trying[source] = asyncio.create_task(self._try(source, run))
            task.add_done_callback(lambda _: self._trying.pop(source, None))
        return await asyncio.shield(task)

    async def _try(self, source: str, run: Run) -> Tried:
        ran = ran_of(source, run)
        candidates = await run_in_threadpool(propose, ran)
        traces = await asyncio.gather(*(self._trace(each) for each in candidates), return_exceptions=True)
        left: str | None = None
        done: list[tuple[Candidate, Trace]] = []
        for candidate, trace in zip(candidates, traces, strict=True):
            if isinstance(trace, UserFacingError):
                left = str(trace)
            elif isinstance(trace, BaseException):
                raise trace
            else:
                done.append((candidate, trace))
        tried = Tried(fixes=await run_in_threadpool(_judged, ran, done), left=left)
        if left is None:
            self._kept[source] = tried
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return tried

    async def _trace(self, candidate: Candidate) -> Trace:
        async with self._few:
            return await self._runs.sandbox.trace(candidate.proposal.source)


def ran_of(source: str, run: Run) -> Ran:
    """`run` as what is to be mended."""
    return Ran(source=source, trace=run.trace, diagnoses=run.diagnoses, reference=run.reference)


def _judged(ran: Ran, done: list[tuple[Candidate, Trace]]) -> tuple[tuple[Fix, ...], ...]:
    return tuple(
        ranked(
            fix
            for candidate, trace in done
            if finding in candidate.findings and (fix := judge(ran, finding, candidate.proposal, trace))
        )
        for finding in range(len(ran.diagnoses))
    )
