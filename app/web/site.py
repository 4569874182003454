"""What the running application hands to its routes: the runs, the limits and the frame of every page."""

from typing import Annotated

from fastapi import Depends
from msgspec import Struct
from starlette.requests import Request

from app.lessons.catalog import catalog
from app.web.fixing import Fixing
from app.web.outcome import Limits
from app.web.runs import Runs
from app.web.views import Site


class State(Struct, frozen=True, kw_only=True):
    """Made once by create_app."""

    runs: Runs
    fixing: Fixing
    limits: Limits
    version: str

    def site(self) -> Site:
        """The frame, as of now: layers are known only once the sandbox has started."""
        return Site(lessons=catalog().listed, limits=self.limits, layers=self.runs.sandbox.layers, version=self.version)


def state_of(request: Request) -> State:
    """The application's state."""
    state: State = request.app.state.tapescope
    return state


Bench = Annotated[State, Depends(state_of)]
