"""What the running application hands to its routes: the runs, the limits and the frame of every page."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends
from msgspec import Struct, field
from starlette.requests import Request

from app.lessons.catalog import catalog
from app.meters import Meters
from app.sandbox.turns import Place
from app.web.answers import Answers
from app.web.fixing import Fixing
from app.web.makers import Makers
from app.web.outcome import Limits
from app.web.runs import Runs
from app.web.views import Site


def nowhere() -> Place | None:
    """Nobody waits."""
    return None


class State(Struct, frozen=True, kw_only=True):
    """Made once by create_app."""

    runs: Runs
    fixing: Fixing
    limits: Limits
    version: str
    answers: Answers = field(default_factory=lambda: Answers(0, Meters()))
    makers: Makers = field(default_factory=lambda: Makers(0))
    place: Callable[[], Place | None] = nowhere  # in the queue, of whoever asks

    @property
    def frame(self) -> tuple[bool, ...]:
        """What every page says beside its run, as far as it can change: which layers hold."""
        return tuple(layer.active for layer in self.runs.sandbox.layers)

    def has_fixes(self, source: str) -> bool:
        """Whether a page of `source` has its fixes from the first: they were tried before."""
        return self.fixing.kept(source) is not None

    def site(self) -> Site:
        """The frame, as of now: layers are known only once the sandbox has started."""
        return Site(lessons=catalog().listed, limits=self.limits, layers=self.runs.sandbox.layers, version=self.version)


def state_of(request: Request) -> State:
    """The application's state."""
    state: State = request.app.state.tapescope
    return state


async def _state(request: Request) -> State:
    return state_of(request)


Bench = Annotated[State, Depends(_state)]  # async: else a thread would be asked for it, behind those that draw
