"""Drawn for one room alone, a run looks as it does there among the drawings for all rooms."""

import functools
import re
from pathlib import Path
from typing import get_args

import pytest
from msgspec.structs import replace

from app.diagram.pictures import Pictures, draw
from app.diagram.room import Room, bounds_of, room_for, room_in
from app.diagram.scene import Drawing
from app.diagram.tape_sheet import TapeDrawing
from app.trace.model import Trace
from tests.diagram.tape_page import markup
from tests.diagram.tape_runs import RUNS as TAPES
from tests.diagram.test_scene import markup as scene_markup
from tests.told_runs import a_chain, a_loop, a_residual_net, overwritten, two_networks, views

ROOT = Path(__file__).parents[2]
ROOMS: tuple[Room, ...] = get_args(Room)
RUNS: dict[str, Trace] = {
    **{name: run() for name, run in TAPES.items()},
    "overwritten": overwritten(".data"),
    "refused": overwritten("detach"),
    "two networks": two_networks(),
    "views of one": views(),
    "a loop of 60": a_loop(60),
    "residual": a_residual_net(4),
    "a chain of 300": a_chain(300),
}


@functools.cache
def drawn(name: str, room: Room | None = None) -> Pictures:
    """The pictures of a run."""
    return draw(RUNS[name], room=room)


def shown_in(pictures: Pictures, room: Room) -> tuple[list[TapeDrawing], list[Drawing]]:
    """The drawings that a container of that room shows: of the tape, and of graph and memory."""
    kind = "narrow" if room == "slim" else room
    tapes = [one for one in pictures.tape.drawings if one.kind == kind]
    if kind == "narrow" and len(tapes) > 1:
        tapes = [one for one in tapes if (one.width < 340) == (room == "slim")]
    return tapes, [one for one in pictures.scene.drawings if one.kind == kind]


def seen(pictures: Pictures, tapes: list[TapeDrawing], scenes: list[Drawing], moment: int) -> str:
    """The markup of these drawings at a moment. Numbers of tracks are a film's own; what they hold is in it."""
    still = pictures.film.still(moment)
    tape = replace(pictures.tape, drawings=tuple(tapes), legend=())
    scene = replace(pictures.scene, drawings=tuple(scenes), legend=(), notes=())
    return re.sub(r' data-t="[^"]*"', "", markup(tape, still) + scene_markup(scene, still))


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("name", RUNS)
def test_what_a_room_shows_is_the_same_when_it_is_drawn_alone(name: str, room: Room) -> None:
    every, alone = drawn(name), drawn(name, room)
    assert alone.room == room
    assert every.room is None
    tapes, scenes = shown_in(every, room)
    assert [len(alone.tape.drawings), len(alone.scene.drawings)] == [len(tapes), len(scenes)]
    assert every.film.stops == alone.film.stops
    alones = list(alone.tape.drawings), list(alone.scene.drawings)
    for moment in every.film.stops[:: max(len(every.film.stops) // 3, 1)]:
        assert seen(alone, *alones, moment) == seen(every, tapes, scenes, moment)
    assert replace(alone.tape, drawings=(), legend=()) == replace(every.tape, drawings=(), legend=())


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("name", RUNS)
def test_the_legend_tells_what_that_room_shows_and_no_more(name: str, room: Room) -> None:
    every, alone = drawn(name), drawn(name, room)
    kind = "narrow" if room == "slim" else room
    wanted = [(entry.kind, entry.words) for entry in every.scene.legend if kind not in entry.absent]
    assert [(entry.kind, entry.words) for entry in alone.scene.legend] == wanted
    assert all(not entry.absent for entry in alone.scene.legend)
    icons = {icon.kind for drawing in alone.tape.drawings for mark in drawing.marks for icon in mark.icons}
    told = {"unseen" if entry.mark == "harmless" else entry.mark for entry in alone.tape.legend}
    assert icons <= told | {"note", "warning", "missed"}
    assert told <= icons | {"counter", "fold"}


@pytest.mark.parametrize(
    ("words", "room"),
    [
        ("864.0", "wide"),
        ("826.1", "wide"),
        ("826", "medium"),
        ("640.1", "medium"),
        ("640.0", "narrow"),
        ("340.5", "narrow"),
        ("340", "slim"),
        ("0", "slim"),
        ("99999", "wide"),
        ("", None),
        ("wide", None),
        ("-5", None),
        ("1e9", None),
        ("nan", None),
        ("inf", None),
        ("1" * 400, None),
        ("٣٠٠", None),
        ("864\n", None),
        (" 864", None),
    ],
)
def test_a_width_is_taken_as_a_browser_tells_it_and_nothing_else(words: str, room: Room | None) -> None:
    assert room_in(words) == room


def test_the_bounds_of_a_room_are_those_at_which_the_style_sheets_change_the_drawing() -> None:
    for room in ROOMS:
        bounds = bounds_of(room)
        assert room_for(bounds.above_px + 0.1) == room
        assert bounds.most_px is None or room_for(bounds.most_px) == room
    sheets = {name: (ROOT / "static" / "css" / name).read_text("utf-8") for name in ("figure.css", "tape.css")}
    for sheet, wanted in (("figure.css", {"640", "826"}), ("tape.css", {"340", "640", "826"})):
        asked = re.findall(r"@container \(max-width: ([\d.]+)px\)[^}]*\.figure", sheets[sheet])
        assert set(asked) == wanted
        assert wanted <= {f"{bounds_of(room).above_px:g}" for room in ROOMS}
