"""What a node keeps in each slot, and what became of it from moment to moment."""

from msgspec import Struct

from app.diagram.facts import Facts, Fate
from app.diagram.lives import Life, Shown
from app.diagram.shapes import IconKind
from app.trace.model import SavedTensor


class Verdict(Struct, frozen=True):
    """What version checks of a saved tensor came to, and when that is to be seen."""

    icon: IconKind
    words: str  # the longest: "0 = 0"
    shown: Shown


class SlotRow(Struct, frozen=True, kw_only=True):
    """What a node keeps in one slot, and what became of it."""

    index: int  # in Node.saved
    ref: str | None
    slot: str
    of: str | None  # the reader's name for the tensor
    pin: Shown
    released: Shown | None  # once backward had released it
    fate: Fate
    verdict: str  # the longest that it comes to
    verdict_track: int | None = None
    look_track: int | None = None  # of the verdict: faint before a check, ink after it
    checks: tuple[Verdict, ...] = ()
    trouble: str | None = None  # in words, where there is any
    trouble_since: int | None = None
    tether_track: int | None = None  # the classes of its tether, where trouble came after the save
    tether_since: int | None = None


def slot_row(facts: Facts, key: str, at: int, saved: SavedTensor) -> SlotRow:
    """Slot number `at` of node `key`, and of those of earlier passes that its box stands for."""
    fate = facts.fate(saved)
    tensor = facts.trace.tensors[saved.tensor] if saved.tensor else None
    trouble = None
    if fate == "wrong":
        trouble = "changed after saving"
    elif fate == "refused":
        trouble = "changed after saving" if saved.intact is False else "counter moved, values intact"
    elif fate == "stale":
        trouble = "changed after saving" if saved.intact_now is False else "counter moved"
    elif fate == "changed":
        trouble = "changed after saving"
    since = facts.spoilt(key, at) if trouble else None
    turned = f"{'alarm-line' if fate == 'wrong' else 'stroke'} tether"
    words: list[tuple[int, str]] = []
    looks: list[tuple[int, str]] = [(0, "faint end")]
    passed: dict[IconKind, list[tuple[int, int | None]]] = {"passed": [], "refused": []}
    said: dict[IconKind, str] = {"passed": "", "refused": ""}
    held: list[tuple[int, int | None]] = []
    freed: list[tuple[int, int | None]] = []
    lives = [life for life in facts.lives.of(key) if at < len(facts.trace.nodes[life.node].saved)]
    for life in lives:
        freed_at = facts.trace.nodes[life.node].freed_at
        held.append((life.since, life.until if freed_at is None else freed_at))
        freed += [(freed_at, life.until)] if freed_at is not None else []
        words += _versions(facts, life, at)
        looks.append((life.since, "faint end"))
        checks = [(moment, one) for moment, one, _ in facts.history.checks[life.node, at] if one.version is not None]
        was = facts.trace.nodes[life.node].saved[at]
        for nth, (moment, check) in enumerate(checks if was.version is not None and not was.hooked else ()):
            icon: IconKind = "passed" if check.version == was.version else "refused"
            until = checks[nth + 1][0] if nth + 1 < len(checks) else life.until
            passed[icon].append((moment, until))
            said[icon] = max(said[icon], f"{was.version} {'=' if icon == 'passed' else '≠'} {check.version}", key=len)
            looks.append((moment, "ink mono end"))
    same = next((one.since for one in lives if _storage_of(facts, one.node, at) == _storage_of(facts, key, at)), None)
    return SlotRow(
        index=at,
        ref=saved.tensor,
        slot=saved.slot,
        of=tensor.name if tensor else None,
        pin=facts.lives.shown(held),
        released=facts.lives.shown(freed) if freed else None,
        fate=fate,
        verdict=max((text for _, text in words), key=len),
        verdict_track=facts.film.changes(words),
        look_track=facts.film.changes(looks),
        checks=tuple(Verdict(icon, said[icon], facts.lives.shown(spans)) for icon, spans in passed.items() if spans),
        trouble=trouble,
        trouble_since=since,
        tether_track=facts.film.changes([(0, "thin dot tether"), (since, turned)]) if since else None,
        tether_since=same,
    )


def _storage_of(facts: Facts, node: str, at: int) -> str | None:
    """The memory of what a node saved."""
    tensor = facts.trace.nodes[node].saved[at].tensor
    return facts.trace.tensors[tensor].storage if tensor else None


def _versions(facts: Facts, life: Life, at: int) -> list[tuple[int, str]]:
    """The version that was saved against the one now, and what backward found."""
    node = facts.trace.nodes[life.node]
    saved = node.saved[at]
    if saved.hooked or saved.version is None:
        return [(life.since, "packed by hooks" if saved.hooked else "no version")]
    counter = facts.trace.tensors[saved.tensor].counter if saved.tensor else None
    words = {life.since: f"version {saved.version}"}
    found = [(moment, one.version) for moment, one, _ in facts.history.checks[life.node, at] if one.version is not None]
    for moment, to in facts.history.moves(counter) if counter else ():
        # after the last check it matters no more
        if moment > life.since and life.has(moment) and not (found and moment > found[-1][0]):
            words[moment] = f"version {saved.version}, now {to}"
    for moment, version in found:
        if life.has(moment):
            words[moment] = f"{saved.version} {'=' if version == saved.version else '≠'} {version}"
    if len(words) == 1 and saved.version_now not in (None, saved.version) and not found:
        words[facts.history.moments.count] = f"version {saved.version}, now {saved.version_now}"
    return sorted(words.items())
