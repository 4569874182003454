"""The bench as it is sent: the page of a run, made of the run and of what stands around it."""

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import HTMLResponse

from app.diagram.pictures import Folds, draw
from app.diagram.room import Room
from app.explain.numeric import NumericStory
from app.lessons.catalog import Lesson
from app.trace import wire
from app.web.address import Address, address_of
from app.web.answers import Answer
from app.web.fixing import Tried
from app.web.respond import is_partial, respond
from app.web.run import Sandboxed, run_of
from app.web.sameness import lasts
from app.web.shown import Shown, show
from app.web.site import State
from app.web.views import BenchView, Site, opening_of, result_of


class Around(Struct, frozen=True, kw_only=True):
    """What a page says beside its run. `tried` are the fixes of its source, where they were tried before."""

    partial: bool  # htmx asks for the part that changes
    site: Site
    tried: Tried | None


class Job(Struct, frozen=True, kw_only=True):
    """A page to make: of a run, as it crossed the sandbox's boundary, and of what stands around it."""

    source: str
    unfold: Folds
    room: Room | None
    around: Around
    trace: bytes
    reference: bytes | None
    not_compared: str | None

    @classmethod
    def of(cls, came: Sandboxed, source: str, unfold: Folds, room: Room | None, around: Around) -> "Job":
        """The page of what came out of the sandbox for `source`."""
        return cls(
            source=source,
            unfold=unfold,
            room=room,
            around=around,
            trace=wire.encode(came.trace),
            reference=None if came.reference is None else wire.encode(came.reference),
            not_compared=came.not_compared,
        )


def around(request: Request, bench: State, source: str) -> Around:
    """As of now, for the page of `source` that is asked for."""
    return Around(partial=is_partial(request), site=bench.site(), tried=bench.fixing.kept(source))


def result_page(
    beside: Around,
    source: str,
    shown: Shown,
    place: Address,
    moment: int | None = None,
    lesson: Lesson | None = None,
    numeric: NumericStory | None = None,
) -> HTMLResponse:
    """The page of a run, whatever became of it, at a moment; the last for None."""
    result = result_of(shown, place, moment, beside.site.limits, source, beside.tried, numeric)
    view = BenchView(site=beside.site, opening=opening_of(source, lesson), source=source, result=result)
    return respond(beside.partial, "bench", view)


def result_answer(
    beside: Around,
    source: str,
    shown: Shown,
    place: Address,
    moment: int | None = None,
    lesson: Lesson | None = None,
) -> Answer:
    """The page of a run, to be sent and kept. Takes milliseconds: for a thread, or another process."""
    page = result_page(beside, source, shown, place, moment, lesson)
    return Answer.of(bytes(page.body), page.headers["content-type"], lasts=lasts(source, shown.run))


def page_of(job: Job) -> Answer:
    """The answer that `job` names: the same in whatever process it is made."""
    trace = wire.decode_trace(job.trace)
    reference = None if job.reference is None else wire.decode_reference(job.reference)
    run = run_of(Sandboxed(trace=trace, reference=reference, not_compared=job.not_compared), job.source)
    shown = show(run, draw(trace, job.unfold, job.room), job.source)
    return result_answer(job.around, job.source, shown, address_of(job.source, job.unfold))
