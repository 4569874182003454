"""Which storages the memory band shows, and what stands over each: windows, counters, saves. No positions yet."""

from collections.abc import Container, Sequence
from itertools import islice

from msgspec import Struct
from msgspec.structs import replace

from app.diagram.contents import ALL_CELLS, Contents, contents_of
from app.diagram.counting import Counting, counting_of, moves_of
from app.diagram.facts import Facts, cell_count
from app.diagram.keeping import Keeping, Note, kept_over, notes_under
from app.diagram.lives import Predecessor
from app.diagram.window import Window, window_of_array, window_of_tensor
from app.trace.flow import Cut
from app.trace.model import Array, Tensor

SHOWN, SHOWN_NARROW = 8, 6  # storages
SHOWN_PLAIN = 4  # up to how many parameters join, of which nothing is to be told
SHOWN_OPENED = 60
_CLOSE = "\x00"  # what follows it stands at the word before
WINDOWS = 8  # over one storage


class Shelf(Struct, frozen=True, kw_only=True):
    """One storage and all that is said about it."""

    storage: str
    name_track: int | None  # where it takes the place of others
    rank: int
    count: int  # cells
    contents: Contents
    windows: tuple[Window, ...]
    counters: tuple[Counting, ...]  # only where they matter
    version: str | None  # else the bare version, the longest that it comes to
    geometry_tracks: dict[str, int | None]  # by name of the window, where the bare version changes
    kept: tuple[Keeping, ...]
    notes: tuple[Note, ...]
    numbered: bool  # cells have their number over them
    since: int | None
    ends: int  # the last moment of the run
    alive: bool
    heard: str
    heard_track: int | None


def shelves(
    facts: Facts, cuts: Sequence[Cut], drawn: Container[str], most: int, *, quiet_too: bool = False
) -> tuple[tuple[Shelf, ...], tuple[str, ...]]:
    """The storages to show, in order of appearance, and those that are folded.

    `drawn` are the nodes that have a box of their own: what they keep counts even after it is gone.
    """
    found = facts.trace.tensors
    kept_cuts = [cut for cut in cuts if cut.into or (cut.result and found[cut.result].name)]
    of_cuts = {key for cut in kept_cuts for key in (cut.source, cut.result) if key}
    ranks = {key: _rank(facts, key, of_cuts, drawn) for key in facts.trace.storages if key not in facts.of_gradients}
    ranked = sorted((key for key, rank in ranks.items() if rank or quiet_too), key=lambda key: -ranks[key])
    plain = most if quiet_too else SHOWN_PLAIN
    chosen = {key for at, key in enumerate(ranked[:most]) if ranks[key] > 1 or at < plain}
    kept = tuple(_shelf(facts, key, ranks[key], of_cuts) for key in facts.trace.storages if key in chosen)
    return kept, tuple(key for key in facts.trace.storages if key not in chosen and key not in facts.of_gradients)


def _rank(facts: Facts, storage: str, of_cuts: set[str], drawn: Container[str]) -> int:
    """How much a storage has to tell; 0 for one that is quiet."""
    saves = facts.saved_over.get(storage, ())
    fates = {facts.fate(saved) for *_, saved in saves}
    if "wrong" in fates:
        return 9
    if "refused" in fates:
        return 8
    if fates & {"changed", "stale"}:
        return 7
    found = facts.trace.tensors
    told = [found[key] for key in facts.over[storage] if _is_told(facts, key, found[key], of_cuts)]
    if len(told) > 1 or storage in facts.arrays:
        return 6
    if not told or all(tensor.op == ".grad" for tensor in told):
        return 0
    if not facts.trace.storages[storage].alive:
        kept = any(node in drawn for node, *_ in saves)
        worth = any(tensor.name for tensor in told) or not of_cuts.isdisjoint(facts.over[storage])
        return 3 if kept and worth else 0
    if storage in facts.writes:
        return 5
    if any(tensor.is_parameter for tensor in told):
        return 1 if any(tensor.requires_grad for tensor in told) or not saves else 4  # a frozen one that is kept tells
    if not any(tensor.name for tensor in told):
        return 0
    return 4 if saves else 3 if cell_count(facts.trace, storage) <= ALL_CELLS else 2


def _is_told(facts: Facts, key: str, tensor: Tensor, of_cuts: set[str]) -> bool:
    """Whether a tensor gets a window: the reader has a name for it, or it is saved, or a cut goes through it."""
    if tensor.name and (tensor.alive or key not in facts.continued):
        return True
    return key in of_cuts or (tensor.expression is not None and key in facts.saved_tensors)


def _shelf(facts: Facts, storage: str, rank: int, of_cuts: set[str]) -> Shelf:
    trace = facts.trace
    found = trace.storages[storage]
    keys = facts.over[storage]
    told = [key for key in keys if _is_told(facts, key, trace.tensors[key], of_cuts)]
    if not told:
        told = [key for key in keys if any(saved.tensor == key for *_, saved in facts.saved_over[storage])][:1] or keys[
            :1
        ]
    windows = [window_of_tensor(key, trace.tensors[key]) for key in told]
    order = {counter: at for at, counter in enumerate(dict.fromkeys(window.counter for window in windows))}
    windows.sort(key=lambda window: order[window.counter])  # those that share a counter stand together
    windows += [window_of_array(array) for array in facts.arrays[storage]]
    extra = len(windows) - WINDOWS
    windows = _first(windows, WINDOWS)
    shown = dict.fromkeys(window.counter for window in windows if window.counter)
    before = facts.before(windows[0].ref) if len(windows) == 1 and windows[0].ref and not extra > 0 else []
    if before:
        windows = [replace(windows[0], since=before[0].since)]
    counters = tuple(counting_of(facts, storage, counter, windows, before) for counter in shown)
    matter = len(counters) > 1 or bool(facts.arrays[storage]) or any(one.checked or one.moved for one in counters)
    notes = list(notes_under(facts, storage))
    if extra > 0:
        notes.append(Note(None, f"and {extra} more over the same memory", "faint"))
    others = sum(key not in told and trace.tensors[key].alive for key in keys)
    if others:
        notes.append(Note(None, f"and {others} without a name over the same memory", "faint"))
    count = cell_count(trace, storage)
    views: list[Tensor | Array] = [*(trace.tensors[key] for key in told), *facts.arrays[storage]]
    contents = contents_of(facts, storage, count, views, before)
    if contents.beyond:
        what = "cell that no tensor reaches" if contents.beyond == 1 else "cells that no tensor reaches"
        notes.append(Note(None, f"and {contents.beyond:,} more {what}", "faint"))
    heard, heard_track = _heard(facts, storage, windows, counters, contents, notes)
    same = len({(window.cells, window.span) for window in windows}) == 1
    return Shelf(
        storage=storage,
        rank=rank,
        count=count,
        contents=contents,
        windows=tuple(windows),
        counters=counters if matter else (),
        version=counters[0].version if counters and not matter else None,
        geometry_tracks={} if matter else _geometry_tracks(facts, windows, before),
        name_track=facts.film.changes(
            [*((one.since, one.storage.upper()) for one in before), (found.moment, storage.upper())]
        ),
        kept=tuple(kept_over(facts, storage)),
        notes=tuple(notes),
        numbered=not same and contents.form == "strip",
        since=before[0].since if before else found.moment,
        ends=facts.history.moments.count,
        alive=found.alive,
        heard=heard,
        heard_track=heard_track,
    )


def _first(windows: Sequence[Window], most: int) -> list[Window]:
    """At most so many windows, in order: one for each counter and one array, then the first ones."""
    leading = {(window.counter, window.array): at for at, window in reversed(list(enumerate(windows)))}
    kept = sorted(leading.values())[:most]
    others = (at for at in range(len(windows)) if at not in kept)
    return [windows[at] for at in sorted([*kept, *islice(others, most - len(kept))])]


def _geometry_tracks(facts: Facts, windows: Sequence[Window], before: Sequence[Predecessor]) -> dict[str, int | None]:
    """What is said of each window's place while its counter moves."""
    return {
        window.name: facts.film.changes(
            (moment, window.geometry_at(str(version))) for moment, version in moves_of(facts, window.counter, before)
        )
        for window in windows
        if window.counter
    }


def _heard(
    facts: Facts,
    storage: str,
    windows: Sequence[Window],
    counters: Sequence[Counting],
    contents: Contents,
    notes: Sequence[Note],
) -> tuple[str, int | None]:
    """What a screen reader says of a storage, and its track."""
    parts: list[tuple[str, int | None]] = [(f"Storage {storage.upper()} holds", None)]
    parts += contents.told or [(cell.text, cell.text_track) for cell in contents.cells] or [(contents.words, None)]
    parts += [(f"{_CLOSE}. {window.name}: {window.geometry}", None) for window in windows]
    for one in counters:
        parts += [(f"{_CLOSE}. Counter {one.ref} of {one.of} is at", None), (one.version, one.version_track)]
        parts += [(f"{_CLOSE},", None), (one.says, one.says_track)]
    parts += [(f"{_CLOSE}. {note.text}", None) for note in notes if note.since is None]
    turns = [(moment, text.replace(f" {_CLOSE}", "")) for moment, text in facts.film.together(parts)]
    told = " ".join(text for text, _ in parts).replace(f" {_CLOSE}", "")
    return (turns[-1][1], facts.film.changes(turns)) if turns else (told, None)
