"""Version counters beside their storage, from moment to moment: where each stands, and who relies on it."""

from collections.abc import Sequence

from msgspec import Struct

from app.diagram.facts import Facts
from app.diagram.lives import Predecessor
from app.diagram.window import Window


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


def moves_of(facts: Facts, counter: str, before: Sequence[Predecessor]) -> list[tuple[int, int]]:
    """Every version of a counter and of those that it takes the place of, and the moment from which on."""
    earlier = [(one, facts.trace.tensors[one.tensor].counter) for one in before]
    moves = [turn for one, key in earlier if key for turn in facts.history.moves(key) if turn[0] < one.until]
    return [*moves, *facts.history.moves(counter)]


def counting_of(
    facts: Facts, storage: str, counter: str, windows: Sequence[Window], before: Sequence[Predecessor]
) -> Counting:
    """One counter of `storage`, over which `windows` stand; `before` are what it takes the place of."""
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
    versions = moves_of(facts, counter, before)
    relied = min((moment for moment, _ in relying), default=None)
    refused = [(moment, saved) for moment, saved in relying if facts.fate(saved) in ("refused", "stale")]
    own = _own(facts, counter, windows)
    says: list[tuple[int, str]] = []
    for moment in sorted({moment for moment, _ in versions} | ({relied} if relied is not None else set())):
        now = facts.history.version(counter, moment)
        stale = next((saved for since, saved in refused if since <= moment and saved.version != now), None)
        settled = "what autograd checks" if relied is not None and relied <= moment else own
        says.append((moment, f"saved at {stale.version}, now {now}" if stale else settled))
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
