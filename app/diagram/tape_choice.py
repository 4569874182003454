"""Which storages get a lane on the tape: those in question first, then what was written, shared or saved."""

from collections import Counter
from collections.abc import Mapping, Sequence

from msgspec import Struct

from app.diagram.tape_lanes import QUIET, RANK, SAVED, TROUBLE, WRITTEN, Fate
from app.trace.history import History
from app.trace.model import SavedTensor, Trace

_UNREAD: tuple[Fate, ...] = ("changed", "stale")
_ROOM = 10  # of lanes: how much is drawn, in the costs below; lanes in trouble are drawn up to _MOST_TROUBLED
_COSTS = {WRITTEN: 3, SAVED: 3, QUIET: 1}
_TROUBLED_COST = 6
_MOST_TROUBLED = 4
_MOST_QUIET = 3


class Choice(Struct, frozen=True, kw_only=True):
    """The storages to draw with their ranks, most telling first, and how many are not drawn, by what they are."""

    drawn: tuple[tuple[str, int], ...]
    troubled: int = 0
    others: int = 0
    quiet: int = 0
    passing: int = 0


class Fates:
    """What became of saved tensors."""

    def __init__(self, history: History) -> None:
        self.trace, self.checks = history.trace, history.checks

    def of(self, node: str, at: int, saved: SavedTensor) -> Fate:
        """Of the one in that slot, by what the Trace says of its version and its contents."""
        tensor = self.trace.tensors[saved.tensor] if saved.tensor else None
        if tensor is not None and tensor.dtype == "uint8" and not tensor.names:
            return "kept"  # a workspace of a library, not a value
        if checks := self.checks.get((node, at)):
            if any(not fired.finished and moved(saved, check.version) for _, check, fired in checks):
                return "refused"
            used = (check for _, check, fired in checks if fired.finished and not moved(saved, check.version))
            return "differs" if not saved.hooked and any(check.intact is False for check in used) else "kept"
        if moved(saved, saved.version_now):
            return "stale"
        return "changed" if saved.intact_now is False else "kept"

    def rank(self, node: str, at: int, saved: SavedTensor) -> int:
        """How telling that is; where backward ran, what it never came to was most likely dropped."""
        fate = self.of(node, at, saved)
        return SAVED if fate in _UNREAD and self.trace.backwards else RANK[fate]


def moved(saved: SavedTensor, version: int | None) -> bool:
    """Whether a counter that stands at `version` refuses the read."""
    return None not in (saved.version, version) and version != saved.version and not saved.hooked


def names_of(trace: Trace) -> dict[str, tuple[str, ...]]:
    """What each tensor is called: by the reader's names, or as the `.grad` of one that has a name."""
    names = {key: tensor.names for key, tensor in trace.tensors.items() if tensor.names}
    for tensor in list(trace.tensors.values()):
        for turn in tensor.grads if tensor.names else ():
            if turn.tensor is not None:
                names.setdefault(turn.tensor, (f"{tensor.name}.grad",))
    return names


def choose(trace: Trace, fates: Fates, names: Mapping[str, Sequence[str]]) -> Choice:
    """What of `trace` to draw. Storages that had no name, or are gone and had nothing to tell, count as passing."""
    ranks = _ranks(trace, fates, names)
    order = {storage: at for at, storage in enumerate(trace.storages)}
    ranked = sorted(ranks.items(), key=lambda entry: (-entry[1], order[entry[0]]))
    called: dict[str, str] = {}
    for key, (name, *_) in names.items():
        over = trace.tensors[key].storage
        if over is not None and over in ranks:
            called.setdefault(over, name)
    drawn: dict[str, int] = {}
    taken: set[str | None] = set()
    room, quiet = _ROOM, 0
    for storage, rank in ranked:
        cost, main = _COSTS.get(rank, _TROUBLED_COST), called.get(storage)
        if rank < TROUBLE and main in taken:
            continue  # the same in another pass of a loop
        if len(drawn) < _MOST_TROUBLED if rank >= TROUBLE else cost <= room and (rank or quiet < _MOST_QUIET):
            drawn[storage] = rank
            taken.add(main)
            room -= cost
            quiet += rank == QUIET
    left = [rank for storage, rank in ranked if storage not in drawn]
    return Choice(
        drawn=tuple(drawn.items()),
        troubled=sum(rank >= TROUBLE for rank in left),
        others=sum(QUIET < rank < TROUBLE for rank in left),
        quiet=sum(rank == QUIET for rank in left),
        passing=len(trace.storages) - len(ranks),
    )


def _ranks(trace: Trace, fates: Fates, names: Mapping[str, Sequence[str]]) -> dict[str, int]:
    saved_ranks: dict[str, int] = {}
    for node_id, node in trace.nodes.items():
        for at, saved in enumerate(node.saved):
            if saved.tensor and (storage := trace.tensors[saved.tensor].storage):
                rank = fates.rank(node_id, at, saved)
                if rank > saved_ranks.get(storage, QUIET):
                    saved_ranks[storage] = rank
    named = Counter(over for key in names if (over := trace.tensors[key].storage))
    own = {tensor.storage for tensor in trace.tensors.values() if tensor.names}
    written = {
        write.storage
        for write in trace.writes
        if write.changed and write.moment != trace.storages[write.storage].moment
    }
    written |= {array.storage for array in trace.arrays}
    ranks = {storage: rank for storage, rank in saved_ranks.items() if rank >= TROUBLE}
    for storage, count in named.items():
        if storage in ranks:
            continue
        rank = WRITTEN if count > 1 or storage in written else saved_ranks.get(storage, QUIET)
        rank = rank if storage in own else min(rank, SAVED)  # what adds up in a .grad comes after what the reader named
        if rank or (storage in own and trace.storages[storage].alive):
            ranks[storage] = rank
    return ranks
