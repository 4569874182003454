"""What nodes keep of a storage, and the lines under it that tell who wrote it, from moment to moment."""

from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from app.diagram.facts import Facts, Fate, cells_of_view, span_of_view
from app.trace.model import SavedTensor, Write

Tone = Literal["ink", "alarm", "faint"]

WRITES = 2  # of one storage that are told one by one
MORE_TOLD = 300  # moments of writes that are marked
BRACKETS = 2  # over contents that nodes keep, of one storage


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


def kept_over(facts: Facts, storage: str) -> Iterable[Keeping]:
    """The saved contents over this storage, one for each stretch of cells; the first says it all in words."""
    groups: dict[frozenset[int] | tuple[int, int] | None, list[tuple[str, int, SavedTensor]]] = {}
    places: dict[str | None, frozenset[int] | tuple[int, int] | None] = {}  # a parameter is saved in every pass
    for node, at, one in facts.saved_over[storage]:
        if one.tensor not in places:
            tensor = facts.trace.tensors[one.tensor or ""]
            places[one.tensor] = frozenset(cells_of_view(tensor)) or span_of_view(tensor)
        groups.setdefault(places[one.tensor], []).append((node, at, one))
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


def notes_under(facts: Facts, storage: str) -> Iterable[Note]:
    """The writes of a storage, the first ones one by one."""
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
