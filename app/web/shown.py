"""A run with all of the page that changes with the moment: drawn once, and shown at any of its moments."""

import msgspec
from msgspec import Struct

from app.diagram.gradients import Gradients, draw_gradients
from app.diagram.pictures import MOMENT, Folds, Pictures
from app.diagram.scene import Drawing
from app.web.findings import Finding, findings_of, gravest_by_line
from app.web.frames import FrameLine, frames_of
from app.web.lines import Line, lines_of
from app.web.printed import Printed, printed_of
from app.web.run import Run
from app.web.timeline import Timeline, timeline_of
from app.web.variables import Variables, variables_of
from app.web.visible import visible_json


class Shown(Struct, frozen=True, kw_only=True):
    """One run, laid out for the page. `film` is what the page's script moves it by; None where nothing ran."""

    run: Run
    pictures: Pictures
    timeline: Timeline | None
    lines: tuple[Line, ...]
    printed: Printed
    variables: Variables | None
    gradients: Gradients
    film: str | None
    findings: tuple[Finding, ...] = ()
    frames: tuple[FrameLine, ...] = ()


def show(run: Run, pictures: Pictures, source: str) -> Shown:
    """Lay out `run`. All tracks are laid here, before any of it is rendered."""
    history, film = pictures.history, pictures.film
    timeline = timeline_of(pictures) if pictures.reel else None
    drawn = _refs(pictures)
    return Shown(
        run=run,
        pictures=pictures,
        timeline=timeline,
        lines=lines_of(history, film, source, drawn, gravest_by_line(run.diagnoses)),
        printed=printed_of(history, film),
        variables=variables_of(history, film) if timeline else None,
        gradients=draw_gradients(history, film, run.contrasts),
        film=_data(pictures) if timeline else None,
        findings=findings_of(history, run.diagnoses, drawn),
        frames=frames_of(run.trace.outcome.error, source),
    )


def _refs(pictures: Pictures) -> set[str]:
    """The ids of all that is drawn, or listed at the end."""
    drawings: list[Drawing] = [*pictures.tape.drawings, *pictures.scene.drawings]
    found = {mark.ref for drawing in drawings for mark in drawing.marks if mark.ref}
    for final in pictures.history.trace.final.values():
        found.update(filter(None, (final.tensor, final.storage, final.counter)))
    return found


def _data(pictures: Pictures) -> str:
    """The film as JSON that can stand in a script element: nothing in it can end that, or begin another."""
    return visible_json(msgspec.json.encode(pictures.film.data()).decode()).replace("<", "\\u003c")


def moment_of(text: str, shown: Shown) -> int | None:
    """The moment that an address asks for, taken to the nearest that there is; None for the last."""
    digits = text.strip()
    if not digits.isascii() or not digits.removeprefix("-").isdigit() or len(digits) > 9:
        return None
    return min(max(int(digits), 1), max(shown.pictures.history.moments.count, 1))


def fold_around(shown: Shown, moment: int | None) -> Folds:
    """What to ask for to see a moment that lies inside of a fold; nothing where it is a stop of its own."""
    if moment is not None:
        for column in shown.pictures.reel:
            if column.first <= moment < column.last:
                return frozenset([f"{MOMENT}{moment}"])
    return frozenset()
