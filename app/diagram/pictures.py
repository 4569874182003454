"""One run, drawn: all pictures of it over one film."""

from collections.abc import Iterator

from msgspec import Struct

from app.diagram.film import Film
from app.diagram.reel import reel_of
from app.diagram.room import Bounds, Room, bounds_of
from app.diagram.scene import Scene, draw_scene
from app.diagram.tape import Tape, draw_tape
from app.diagram.tape_lanes import Story
from app.diagram.tape_moments import Column
from app.diagram.tape_reader import read_story
from app.trace.history import History
from app.trace.model import Trace

Folds = frozenset[str]  # the ids of folds that are shown open: of the figure, and "m12" for the passes around moment 12
NONE_OPEN: Folds = frozenset()
MOMENT = "m"


class Pictures(Struct, frozen=True, kw_only=True):
    """The pictures of a run, the moments at which they can be shown, and what changes between those.

    `room` is the one that they were drawn for; None where they suit any.
    """

    history: History
    reel: tuple[Column, ...]
    film: Film
    tape: Tape
    scene: Scene
    room: Room | None = None

    @property
    def bounds(self) -> Bounds | None:
        """The widths of their container that they suit; None for any."""
        return bounds_of(self.room) if self.room else None


def draw(trace: Trace, opened: Folds = NONE_OPEN, room: Room | None = None) -> Pictures:
    """The pictures of `trace`, with the folds in `opened` shown open; for any room where none is given."""
    history = History(trace)
    story = read_story(history) if trace.steps else Story(lanes=())
    asked = sorted(_moments_in(opened))
    reel = reel_of(history.moments, story, asked)
    film = Film([column.last for column in reel])
    scene = draw_scene(history, film, opened, room)
    tape = draw_tape(history, story, film, asked, room)
    return Pictures(history=history, reel=reel, film=film, tape=tape, scene=scene, room=room)


def _moments_in(opened: Folds) -> Iterator[int]:
    """The moments that were asked for by their number."""
    for key in opened:
        if key.startswith(MOMENT) and key[1:].isascii() and key[1:].isdigit() and len(key) < 8:
            yield int(key[1:])
