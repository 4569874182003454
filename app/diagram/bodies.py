"""What stands in the box of each part of the graph: names, order, tensor, saved slots, cuts. No positions yet."""

from collections.abc import Iterator, Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from app.diagram.bits import Bit, bit_of
from app.diagram.cells import Cells
from app.diagram.facts import Facts
from app.diagram.lives import Shown
from app.diagram.parts import Folded, Part
from app.diagram.shapes import Tone
from app.diagram.slots import SlotRow, slot_row
from app.diagram.text import Face
from app.trace.flow import ACCUMULATE, Cut
from app.trace.model import Fired, Node

MOST_SLOTS = 4  # listed one by one
MOST_STUBS = 2
MOST_RUNNING = 400  # moments at which a fold is marked as running

# wrong: it read what was not saved · refused: torch would not read it · unreached: backward never came
State = Literal["plain", "wrong", "refused", "unreached", "fold"]

CUT_WORDS = {
    "data": ".data",
    "no_grad": "no_grad",
    "copy-constructor": "torch.tensor()",
}


class Word(Struct, frozen=True):
    """A stretch of text with one look."""

    text: str
    tone: Tone = "soft"
    face: Face = "text"
    bold: bool = False


class Stub(Struct, frozen=True, kw_only=True):
    """A value that left the graph here and went into no node."""

    word: str
    result: str | None
    ref: str | None
    since: int | None = None


class Body(Struct, frozen=True, kw_only=True):
    """All that one box says."""

    part: Part
    title: str
    note: str  # the longest that it comes to
    note_track: int | None = None
    order: str | None  # the longest
    order_track: int | None = None
    order_shown: Shown | None = None  # once backward has come
    state: State
    kind_track: int | None = None  # of its box
    freed: bool = False
    custom: bool = False
    bit: Bit | None = None
    slots: tuple[SlotRow, ...] = ()
    more_slots: int = 0
    detail: str = ""  # of a fold
    stubs: tuple[Stub, ...] = ()
    more_stubs: int = 0
    line: int | None = None
    since: int | None = None
    heard: tuple[tuple[int, str], ...] = ()  # from moment to moment

    @property
    def ref(self) -> str:
        """The id of what it shows."""
        return self.part.id


def bodies(facts: Facts, folded: Folded, cuts: Sequence[Cut]) -> dict[str, Body]:
    """What to write into the box of each part."""
    parts = folded.parts
    stubs = _stubs(facts, folded, cuts)
    return {
        key: _node_body(facts, part, stubs.get(key, [])) if part.kind == "node" else _fold_body(facts, part)
        for key, part in parts.items()
    }


def cut_word(cut: Cut) -> str:
    """What the reader wrote that cut: `.detach()`, `.data`, `no_grad`."""
    return CUT_WORDS.get(cut.by) or (f".{cut.op}()" if not cut.op.startswith("__") else cut.op.strip("_") + "()")


def _node_body(facts: Facts, part: Part, stubs: list[Stub]) -> Body:
    key = part.id
    node = facts.trace.nodes[key]
    line = facts.line(node.step)
    slots = [slot_row(facts, key, at, saved) for at, saved in enumerate(node.saved)]
    slots.sort(key=lambda row: row.trouble is None)  # trouble first; else torch's own order
    fates = {row.fate for row in slots}
    state: State = "plain"
    if "wrong" in fates:
        state = "wrong"
    elif "refused" in fates:
        state = "refused"
    elif facts.ran_backward and key not in facts.firings:
        state = "unreached"
    tensor = facts.tensor_of(key)
    bit = bit_of(facts, tensor, len(node.tensors) - 1, key) if tensor else None
    if bit and tensor:
        bit = replace(bit, op=facts.operator_of(key, tensor))
        if facts.trace.tensors[tensor].node != key:  # an operator in place gave it another node since
            bit = replace(
                bit,
                name=f"{bit.name}, earlier" if bit.named else bit.name,
                cells=Cells(form="nothing"),
                changed=frozenset(),
                wrong=False,
            )
    return _over_time(
        facts,
        Body(
            part=part,
            title=node.name,
            note="",
            order=None,
            state=state,
            freed=node.freed,
            custom=node.custom,
            bit=bit,
            slots=tuple(slots[:MOST_SLOTS]),
            more_slots=max(len(slots) - MOST_SLOTS, 0),
            stubs=tuple(stubs[:MOST_STUBS]),
            more_stubs=max(len(stubs) - MOST_STUBS, 0),
            line=line,
            since=facts.lives.of(key)[0].since,
        ),
    )


def _over_time(facts: Facts, body: Body) -> Body:
    """`body` with what is said from moment to moment of the nodes that it stands for."""
    key, film = body.ref, facts.film
    notes: list[tuple[int, str]] = []
    heard: list[tuple[int, str]] = []
    kinds: list[tuple[int, str]] = [(0, "node plain")]
    orders: list[tuple[int, str]] = []
    spans: list[tuple[int, int | None]] = []
    for life in facts.lives.of(key):
        node, unreached_at = facts.trace.nodes[life.node], facts.unreached_at(life.node)
        fired = [one for one in facts.history.firings[life.node] if life.has(one.moment)]
        turns = {life.since, *(one.moment for one in fired)}
        turns |= {turn for turn in (node.freed_at, unreached_at) if turn is not None and life.has(turn)}
        spoilt = {row.trouble_since for row in body.slots if row.trouble_since is not None}
        turns |= {moment for moment in spoilt if life.has(moment)}
        for moment in sorted(turns):
            note = _note(node, body, moment, unreached=unreached_at is not None and unreached_at <= moment)
            notes.append((moment, note))
            heard.append((moment, _heard(facts, life.node, node, body, moment)))
        orders += [(one.moment, str(facts.order_of(one))) for one in fired]
        spans += facts.counted(life, fired)
        kinds += [(life.since, "node plain"), *_kinds(body, fired, unreached_at, node)]
    return replace(
        body,
        note=max((note for _, note in notes), key=len),
        note_track=film.changes(notes),
        order=max((order for _, order in orders), key=len) if orders else None,
        order_track=film.changes(orders) if orders else None,
        order_shown=facts.lives.shown(spans),
        kind_track=film.changes(kinds),
        heard=tuple(heard),
    )


def _kinds(body: Body, fired: Sequence[Fired], unreached_at: int | None, node: Node) -> Iterator[tuple[int, str]]:
    """The classes of the box of a node: as backward runs it, then as it left it."""
    if unreached_at is not None:
        yield unreached_at, "node unreached"
    for one in fired:
        wrong = body.state == "wrong" and any(
            check.intact is False and check.version == node.saved[check.slot].version for check in one.checks
        )
        state = "wrong" if wrong else "refused" if not one.finished and body.state == "refused" else "plain"
        yield one.moment, f"node {state} now"
        yield one.moment + 1, f"node {state}"


def _fold_body(facts: Facts, part: Part) -> Body:
    fired = sorted((one.moment, facts.order_of(one)) for key in part.nodes for _, one in facts.lives.fired(key))
    last = sorted(facts.firings[key].order for key in part.nodes if key in facts.firings)
    nodes = facts.trace.nodes
    fates = {facts.fate(saved) for key in part.nodes for saved in nodes[key].saved}
    state: State = "wrong" if "wrong" in fates else "refused" if "refused" in fates else "fold"
    steps = [step for key in part.nodes if (step := nodes[key].step) is not None]
    order = None
    if last:
        order = f"{last[0]}–{last[-1]}" if last[0] != last[-1] else str(last[0])
    kinds = [(0, "node fold")]
    for moment, _ in fired[-MOST_RUNNING:]:
        kinds += [(moment, "node fold now"), (moment + 1, "node fold")]
    if state != "fold" and fired:
        kinds.append((fired[-1][0] + 1, f"node {state}"))
    return Body(
        part=part,
        title=part.title,
        note=part.words,
        detail=part.detail,
        order=order,
        order_shown=facts.lives.shown(_counted(facts, part)) if fired else None,
        state=state,
        kind_track=facts.film.changes(kinds) if fired else None,
        line=facts.line(min(steps)) if steps else None,
        since=min((facts.lives.of(key)[0].since for key in part.nodes), default=None),
        heard=((0, f"{part.detail or part.words}, folded"),),
    )


def _counted(facts: Facts, part: Part) -> list[tuple[int, int | None]]:
    """When the number of a fold is there: from when backward first came into it, pass for pass."""
    moments = sorted(one.moment for key in part.nodes for _, one in facts.lives.fired(key))
    first = next((key for key in part.nodes if len(facts.lives.of(key)) > 1), None)
    if first is None:
        return [(moments[0], None)]
    found: list[tuple[int, int | None]] = []
    for life in facts.lives.of(first):
        inside = [moment for moment in moments if life.has(moment)]
        found += [(inside[0], life.until)] if inside else []
    return found


def _note(node: Node, body: Body, moment: int, *, unreached: bool) -> str:
    if node.name == ACCUMULATE:
        return f"into {body.bit.name}.grad" if body.bit else "into a leaf"
    words = [f"line {body.line}" if body.line is not None else ""]
    if node.custom:
        words.append("your Function")
    if node.freed_at is not None and node.freed_at <= moment:
        words.append("freed since")
    elif not node.saved:
        words.append("saves nothing")
    if unreached:
        words.append("not reached")
    return ", ".join(word for word in words if word)


def _stubs(facts: Facts, folded: Folded, cuts: Sequence[Cut]) -> dict[str, list[Stub]]:
    """Cuts without a way of their own: at the part that the value came out of, or else at the one that it went into."""
    tensors = facts.trace.tensors
    ends = [(tensors[cut.source].node, cut) for cut in cuts if not cut.into]
    found: dict[str, list[Stub]] = {}
    for part, cut in [*ends, *folded.loose]:
        if part is None or part not in folded.parts:
            continue
        result = tensors[cut.result] if cut.result else None
        if result is not None and result.name is None and not cut.into:
            continue  # nobody kept it
        stub = Stub(word=cut_word(cut), result=result.name if result else None, ref=cut.result, since=cut.moment)
        if not any((one.word, one.ref) == (stub.word, stub.ref) for one in found.setdefault(part, [])):
            found[part].append(stub)
    return found


def _heard(facts: Facts, key: str, node: Node, body: Body, moment: int) -> str:
    """What is not written in the box: what a number or a mark means."""
    fired = facts.history.fired_by(key, moment)
    words = [f"Number {facts.order_of(fired)} in backward" if fired else "Not run by backward"]
    if body.bit and body.bit.name:
        words.append(f"{'accumulates into' if node.name == ACCUMULATE else 'made'} {body.bit.name}")
    for row in body.slots:
        version = node.saved[row.index].version
        verdict = f"version {version}" if version is not None else row.verdict
        for since, check, _ in facts.history.checks[key, row.index]:
            if since <= moment and version is not None:
                verdict = f"version {version}, check {'passed' if check.version == version else 'refused'}"
        trouble = row.trouble if row.trouble_since is not None and row.trouble_since <= moment else None
        words.append(f"saved {row.slot}, {verdict}{f', {trouble}' if trouble else ''}")
    if node.freed_at is not None and node.freed_at <= moment:
        words.append("freed since")
    return ", ".join(words)
