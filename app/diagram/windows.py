"""Which storages the memory band shows, and what stands over each: windows, counters, saves. No positions yet."""

from collections.abc import Container, Iterable, Sequence
from itertools import islice
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from app.diagram.cells import shape_words
from app.diagram.contents import ALL_CELLS, Contents, contents_of
from app.diagram.facts import Facts, Fate, cell_count, cells_of_view, span_of_view
from app.diagram.lives import Predecessor
from app.trace.flow import Cut
from app.trace.model import Array, SavedTensor, Tensor, Write

SHOWN, SHOWN_NARROW = 8, 6  # storages
SHOWN_PLAIN = 4  # up to how many parameters join, of which nothing is to be told
SHOWN_OPENED = 60
WINDOWS = 8  # over one storage
Tone = Literal["ink", "alarm", "faint"]

WRITES = 2  # of one storage that are told one by one
MORE_TOLD = 300  # moments of writes that are marked
BRACKETS = 2  # over contents that nodes keep, of one storage


class Window(Struct, frozen=True, kw_only=True):
    """A tensor, or a numpy array, over a storage."""

    ref: str | None
    name: str
    named: bool
    geometry: str  # in words
    cells: tuple[int, ...]  # of the storage, in the order of the elements; empty if not known one by one
    span: tuple[int, int] | None
    repeats: int = 1  # elements that are the same cell
    counter: str | None = None
    array: bool = False
    since: int | None = None

    def geometry_at(self, version: str | None) -> str:
        """Its place in words, with the bare version of its counter where that is not shown by itself."""
        words = f"{self.geometry} · each cell ×{self.repeats:,}" if self.repeats > 1 else self.geometry
        return words if version is None else f"{words} · version {version}"


class Counting(Struct, frozen=True, kw_only=True):
    """A version counter beside its storage."""

    ref: str
    version: str  # the longest that it comes to
    of: str  # the names that it counts for
    says: str  # the longest
    checked: bool  # autograd relies on it
    moved: bool
    since: int | None = None
    ref_track: int | None = None
    version_track: int | None = None
    says_track: int | None = None
    kind_track: int | None = None


class Keeping(Struct, frozen=True, kw_only=True):
    """Contents of one window that nodes keep."""

    cells: tuple[int, ...]
    span: tuple[int, int] | None
    by: tuple[tuple[str, int], ...]  # node, and index in Node.saved
    words: str
    source: str  # goes on with who keeps it, where no tether shows that
    worst: Fate
    since: int | None = None
    kind_track: int | None = None


class Note(Struct, frozen=True):
    """A line under a storage."""

    icon: Literal["write", "unseen", "missed"] | None
    text: str
    tone: Tone
    since: int | None = None
    text_track: int | None = None
    kind_track: int | None = None


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
        return 1
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
    windows = [_window_of_tensor(key, trace.tensors[key]) for key in told]
    order = {counter: at for at, counter in enumerate(dict.fromkeys(window.counter for window in windows))}
    windows.sort(key=lambda window: order[window.counter])  # those that share a counter stand together
    windows += [_window_of_array(array) for array in facts.arrays[storage]]
    extra = len(windows) - WINDOWS
    windows = _first(windows, WINDOWS)
    shown = dict.fromkeys(window.counter for window in windows if window.counter)
    before = facts.before(windows[0].ref) if len(windows) == 1 and windows[0].ref and not extra > 0 else []
    if before:
        windows = [replace(windows[0], since=before[0].since)]
    counters = tuple(_counting(facts, storage, counter, windows, before) for counter in shown)
    matter = len(counters) > 1 or bool(facts.arrays[storage]) or any(one.checked or one.moved for one in counters)
    notes = list(_notes(facts, storage))
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
        kept=tuple(_kept(facts, storage)),
        notes=tuple(notes),
        numbered=not same and contents.form == "strip",
        since=before[0].since if before else found.moment,
        ends=facts.history.moments.count,
        alive=found.alive,
        heard=_heard(storage, windows, counters, contents, notes),
    )


def _first(windows: Sequence[Window], most: int) -> list[Window]:
    """At most so many windows, in order: one for each counter and one array, then the first ones."""
    leading = {(window.counter, window.array): at for at, window in reversed(list(enumerate(windows)))}
    kept = sorted(leading.values())[:most]
    others = (at for at in range(len(windows)) if at not in kept)
    return [windows[at] for at in sorted([*kept, *islice(others, most - len(kept))])]


def _moves(facts: Facts, counter: str, before: Sequence[Predecessor]) -> list[tuple[int, int]]:
    """Every version of a counter and of those that it takes the place of, and the moment from which on."""
    earlier = [(one, facts.trace.tensors[one.tensor].counter) for one in before]
    moves = [turn for one, key in earlier if key for turn in facts.history.moves(key) if turn[0] < one.until]
    return [*moves, *facts.history.moves(counter)]


def _geometry_tracks(facts: Facts, windows: Sequence[Window], before: Sequence[Predecessor]) -> dict[str, int | None]:
    """What is said of each window's place while its counter moves."""
    return {
        window.name: facts.film.changes(
            (moment, window.geometry_at(str(version))) for moment, version in _moves(facts, window.counter, before)
        )
        for window in windows
        if window.counter
    }


def _window_of_tensor(key: str, tensor: Tensor) -> Window:
    cells = cells_of_view(tensor)
    return Window(
        ref=key,
        name=tensor.label,
        named=tensor.name is not None,
        geometry=_geometry(tensor),
        cells=cells,
        span=span_of_view(tensor),
        repeats=len(cells) // len(set(cells)) if cells else 1,
        counter=tensor.counter,
        since=tensor.moment,
    )


def _window_of_array(array: Array) -> Window:
    return Window(
        ref=None,
        name=array.name,
        named=True,
        geometry=f"numpy array, {_geometry(array)}",
        cells=cells_of_view(array),
        span=span_of_view(array),
        array=True,
    )


def _geometry(view: Tensor | Array) -> str:
    if view.stride is None:
        return f"shape {shape_words(view.shape)}"
    if not view.shape:
        return f"scalar · offset {view.offset}" if view.offset else "scalar"
    return f"shape {shape_words(view.shape)} · stride {', '.join(map(str, view.stride))} · offset {view.offset}"


def _counting(
    facts: Facts, storage: str, counter: str, windows: Sequence[Window], before: Sequence[Predecessor]
) -> Counting:
    trace = facts.trace
    relying = [
        (trace.nodes[node].moment, saved)
        for node, _, saved in facts.saved_over[storage]
        if saved.tensor
        and trace.tensors[saved.tensor].counter == counter
        and not saved.hooked
        and saved.version is not None
    ]
    names = [window.name for window in windows if window.counter == counter]
    moves = [write for write in facts.writes[storage] if write.counter == counter]
    versions = _moves(facts, counter, before)
    relied = min((moment for moment, _ in relying), default=None)
    own = _own(facts, counter, windows)
    says: list[tuple[int, str]] = []
    for moment in sorted({moment for moment, _ in versions} | ({relied} if relied is not None else set())):
        now = facts.history.version(counter, moment)
        by_then = [saved for since, saved in relying if since <= moment]
        refusing = (saved for saved in by_then if facts.fate(saved) in ("refused", "stale"))
        stale = next((saved for saved in refusing if saved.version != now), None)
        words = f"saved at {stale.version}, now {now}" if stale else "what autograd checks" if by_then else own
        says.append((moment, words))
    film = facts.film
    return Counting(
        ref=counter,
        version=max((str(version) for _, version in versions), key=len),
        of=_listed(names),
        says=max((words for _, words in says), key=len),
        checked=bool(relying),
        moved=bool(moves),
        since=before[0].since if before else trace.counters[counter].moment,
        ref_track=film.changes(
            [
                *((one.since, trace.tensors[one.tensor].counter or "") for one in before),
                (trace.counters[counter].moment, counter),
            ]
        ),
        version_track=film.changes([(moment, str(version)) for moment, version in versions]),
        says_track=film.changes(says),
        kind_track=film.changes(_plates(versions, relied)),
    )


def _plates(versions: Sequence[tuple[int, int]], relied: int | None) -> list[tuple[int, str]]:
    """The classes of a counter's plate: marked when it moves, and strong from when on autograd relies on it."""
    kinds = {0: "counter"}
    if relied is not None:
        kinds[relied] = "counter checked"
    for moment, _ in versions[1:]:
        base = "counter checked" if relied is not None and moment >= relied else "counter"
        kinds[moment] = f"{base} now"
        kinds.setdefault(moment + 1, base)
    return sorted(kinds.items())


def _own(facts: Facts, counter: str, windows: Sequence[Window]) -> str:
    first = next(window for window in windows if window.counter == counter)
    op = facts.trace.tensors[first.ref].op if first.ref else None
    others = {window.counter for window in windows if window.counter} - {counter}
    if others and op:
        return f"its own, by {op}" if op.startswith(".") else f"its own, since {op}"
    return (
        "its own"
        if others
        else "one for all"
        if sum(window.counter == counter for window in windows) > 1
        else "not checked"
    )


def _listed(names: Sequence[str]) -> str:
    if len(names) > 3:
        return f"{', '.join(names[:2])} and {len(names) - 2} more"
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def _kept(facts: Facts, storage: str) -> Iterable[Keeping]:
    """The saved contents over this storage, one for each stretch of cells; the first says it all in words."""
    groups: dict[frozenset[int] | tuple[int, int] | None, list[tuple[str, int, SavedTensor]]] = {}
    for node, at, one in facts.saved_over[storage]:
        tensor = facts.trace.tensors[one.tensor or ""]
        groups.setdefault(frozenset(cells_of_view(tensor)) or span_of_view(tensor), []).append((node, at, one))
    order: list[Fate] = ["intact", "stale", "changed", "refused", "wrong"]
    worst = {key: max((facts.fate(one) for *_, one in by), key=order.index) for key, by in groups.items()}
    words, source = _saved_words(facts, [item for by in groups.values() for item in by])
    for key in sorted(groups, key=lambda key: -order.index(worst[key]))[:BRACKETS]:
        by = groups[key]
        tensor = facts.trace.tensors[by[0][2].tensor or ""]
        since = min(facts.trace.nodes[node].moment for node, *_ in by)
        spoilt = [facts.spoilt(node, at) for node, at, one in by if facts.fate(one) == "wrong"]
        turned = min((moment for moment in spoilt if moment is not None), default=None)
        yield Keeping(
            cells=cells_of_view(tensor),
            span=span_of_view(tensor),
            by=tuple((node, at) for node, at, _ in by),
            words=words,
            source=source,
            worst=worst[key],
            since=since,
            kind_track=facts.film.changes([(0, "stroke bracket"), (turned, "alarm-line bracket")]) if turned else None,
        )
        words = source = ""


def _saved_words(facts: Facts, saves: Sequence[tuple[str, int, SavedTensor]]) -> tuple[str, str]:
    if len(saves) != 1:
        return f"saved {len(saves):,} times", ""
    ((node, _, one),) = saves
    at_version = f" at version {one.version}" if one.version is not None else ""
    return f"saved as {one.slot}{at_version}", f", by {facts.trace.nodes[node].name}"


def _notes(facts: Facts, storage: str) -> Iterable[Note]:
    writes = facts.writes[storage]
    checked = {
        facts.trace.tensors[saved.tensor].counter
        for *_, saved in facts.saved_over[storage]
        if saved.tensor and saved.version is not None
    }
    wrong = any(facts.fate(saved) == "wrong" for *_, saved in facts.saved_over[storage])
    told: dict[tuple[str, Tone], list[int]] = {}  # what is said of a write, and when
    notes: dict[tuple[str, Tone], Note] = {}
    for write in writes:
        unseen = write.counter is None or (bool(checked) and write.counter not in checked)
        tone: Tone = "alarm" if unseen and wrong else "ink"
        icon: Literal["write", "unseen", "missed"] = "unseen" if unseen and wrong else "missed" if unseen else "write"
        note = Note(icon, _write_words(write, unseen=unseen), tone, write.moment)
        key = (note.text, note.tone)
        notes.setdefault(key, note)
        told.setdefault(key, []).append(write.moment)
    for key in list(told)[:WRITES]:
        yield replace(notes[key], kind_track=_now(facts, told[key], "bad" if key[1] == "alarm" else "ink"))
    more = list(told)[WRITES:]
    if more:
        rest = f"and {len(more):,} more writes" if len(more) > 1 else "and 1 more write"
        turns = [(0, rest)]
        for key in more[:MORE_TOLD]:
            for moment in told[key]:
                turns += [(moment, key[0]), (moment + 1, rest)]
        turns.sort(key=lambda turn: turn[0])
        first = min(moments[0] for moments in (told[key] for key in more))
        yield Note(None, rest, "faint", first, text_track=facts.film.changes(turns))


def _now(facts: Facts, moments: Sequence[int], tone: str) -> int | None:
    """The classes of a note on a write: in accent at the moments at which it was written."""
    strong = f"{tone} strong" if tone == "bad" else tone
    kinds = [(0, strong)]
    for moment in moments[:MORE_TOLD]:
        kinds += [(moment, f"{strong} now"), (moment + 1, strong)]
    return facts.film.changes(sorted(kinds, key=lambda turn: turn[0]))


def _write_words(write: Write, *, unseen: bool) -> str:
    what = f"line {write.line} wrote it" if write.op.startswith("(") else f"line {write.line}: {write.op}"
    through = f" through {write.name}" if write.name else ""
    return f"{what}{through}{', not seen by autograd' if unseen else ''}"


def _heard(
    storage: str, windows: Sequence[Window], counters: Sequence[Counting], contents: Contents, notes: Sequence[Note]
) -> str:
    held = contents.words or " ".join(cell.text for cell in contents.cells)
    words = [f"Storage {storage.upper()} holds {held}"]
    words += [f"{window.name}: {window.geometry}" for window in windows]
    words += [f"counter {one.ref} of {one.of} is at {one.version}, {one.says}" for one in counters]
    return ". ".join(words + [note.text for note in notes])
