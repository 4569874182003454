"""What stands in the box of each part of the graph: names, order, tensor, saved slots, cuts. No positions yet."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from app.diagram.cells import Cells, cells_of, shape_words
from app.diagram.changing import PLAIN, Note, NotesOf, Shot, filmed
from app.diagram.facts import Facts, Fate, cells_of_view
from app.diagram.parts import Part
from app.diagram.shapes import IconKind, Tone
from app.diagram.text import Face, width
from app.trace.flow import ACCUMULATE, Cut
from app.trace.model import Fired, Node, SavedTensor, Scalar, Tensor, Values

MOST_SLOTS = 4  # listed one by one
MOST_STUBS = 2
MOST_VALUES = 4  # numbers beside a tensor's name
WIDEST_VALUES_PX = 150.0  # and the room for them
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


class Bit(Struct, frozen=True, kw_only=True):
    """A tensor beside its node: its name, then its values where they are few, else its shape."""

    ref: str
    name: str
    named: bool  # the reader's own name, and not only what made it
    cells: Cells
    shape: str
    changed: frozenset[int] = frozenset()  # elements that are not what was saved
    wrong: bool = False  # and backward used them
    op: str | None = None  # what made it
    more: int = 0  # tensors with the same node that are not shown


class Verdict(Struct, frozen=True):
    """What the version check of a saved tensor came to, from one moment up to another."""

    icon: IconKind
    words: str  # "0 = 0"
    since: int
    until: int | None


class SlotRow(Struct, frozen=True, kw_only=True):
    """What a node keeps in one slot, and what became of it."""

    index: int  # in Node.saved
    ref: str | None
    slot: str
    of: str | None  # the reader's name for the tensor
    freed_at: int | None  # the moment at which backward released it
    fate: Fate
    icon: IconKind | None  # the last verdict
    verdict: str  # the longest that it comes to
    verdict_track: int | None = None
    look_track: int | None = None  # of the verdict: faint before a check, ink after it
    icons: tuple[Verdict, ...] = ()
    trouble: str | None = None  # in words, where there is any
    trouble_since: int | None = None
    tether_track: int | None = None  # the classes of its tether, where trouble came after the save


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
    order_since: int | None = None  # the moment at which backward first came
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
    heard: str = ""
    heard_track: int | None = None

    @property
    def ref(self) -> str:
        """The id of what it shows."""
        return self.part.id


def bodies(facts: Facts, parts: Mapping[str, Part], cuts: Sequence[Cut]) -> dict[str, Body]:
    """What to write into the box of each part."""
    stubs = _stubs(facts, parts, cuts)
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
    slots = [_slot_row(facts, key, at, saved) for at, saved in enumerate(node.saved)]
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
    bit = _bit(facts, tensor, len(node.tensors) - 1) if tensor else None
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
            since=node.moment,
        ),
        node,
    )


def _over_time(facts: Facts, body: Body, node: Node) -> Body:
    """`body` with what is said of `node` from moment to moment."""
    key, film = body.ref, facts.film
    fired = facts.history.firings[key]
    unreached_at = facts.unreached_at(key)
    turns = {node.moment, *(one.moment for one in fired), *(check for row in body.slots for check in _turns_of(row))}
    turns |= {moment for moment in (node.freed_at, unreached_at) if moment is not None}
    notes: list[tuple[int, str]] = []
    heard: list[tuple[int, str]] = []
    for moment in sorted(turns):
        note = _note(node, body, moment, unreached=unreached_at is not None and unreached_at <= moment)
        notes.append((moment, note))
        heard.append((moment, f"{body.title} {note}. {_heard(facts, key, node, body, moment)}".replace(" .", ".")))
    orders = [(one.moment, str(facts.order_of(one))) for one in fired]
    return replace(
        body,
        note=max((note for _, note in notes), key=len),
        note_track=film.changes(notes),
        order=max((order for _, order in orders), key=len) if orders else None,
        order_track=film.changes(orders) if orders else None,
        order_since=fired[0].moment if fired else None,
        kind_track=film.changes(_kinds(body, fired, unreached_at, node)),
        heard=heard[-1][1],
        heard_track=film.changes(heard),
    )


def _turns_of(row: SlotRow) -> Iterator[int]:
    yield from (one.since for one in row.icons)
    if row.trouble_since is not None:
        yield row.trouble_since


def _kinds(body: Body, fired: Sequence[Fired], unreached_at: int | None, node: Node) -> list[tuple[int, str]]:
    """The classes of the box of a node: plain, then as backward runs it, then as it left it."""
    kinds = [(0, "node plain")]
    if unreached_at is not None:
        kinds.append((unreached_at, "node unreached"))
    for one in fired:
        wrong = body.state == "wrong" and any(
            check.intact is False and check.version == node.saved[check.slot].version for check in one.checks
        )
        state = "wrong" if wrong else "refused" if not one.finished and body.state == "refused" else "plain"
        kinds += [(one.moment, f"node {state} now"), (one.moment + 1, f"node {state}")]
    return kinds


def _fold_body(facts: Facts, part: Part) -> Body:
    fired = sorted(
        (facts.firings[key].order, one.moment)
        for key in part.nodes
        if key in facts.firings
        for one in facts.history.firings[key]
    )
    orders = [order for order, _ in fired]
    nodes = facts.trace.nodes
    fates = {facts.fate(saved) for key in part.nodes for saved in nodes[key].saved}
    state: State = "wrong" if "wrong" in fates else "refused" if "refused" in fates else "fold"
    steps = [step for key in part.nodes if (step := nodes[key].step) is not None]
    since = min((nodes[key].moment for key in part.nodes), default=None)
    order = None
    if orders:
        order = f"{orders[0]}–{orders[-1]}" if orders[0] != orders[-1] else str(orders[0])
    running = sorted(moment for _, moment in fired)
    kinds = [(0, "node fold")]
    for moment in running[:MOST_RUNNING]:
        kinds += [(moment, "node fold now"), (moment + 1, "node fold")]
    if state != "fold" and running:
        kinds = [*kinds, (running[-1] + 1, f"node {state}")]
    return Body(
        part=part,
        title=part.title,
        note=part.words,
        detail=part.detail,
        order=order,
        order_since=running[0] if running else None,
        state=state,
        kind_track=facts.film.changes(sorted(kinds, key=lambda turn: turn[0])) if running else None,
        line=facts.line(min(steps)) if steps else None,
        since=since,
        heard=f"{part.detail or part.words}, folded",
    )


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


def _slot_row(facts: Facts, key: str, at: int, saved: SavedTensor) -> SlotRow:
    fate = facts.fate(saved)
    node = facts.trace.nodes[key]
    tensor = facts.trace.tensors[saved.tensor] if saved.tensor else None
    icon: IconKind | None = None
    trouble = None
    if saved.version_read is not None and not saved.hooked and saved.version is not None:
        icon = "refused" if fate == "refused" else "passed"
    if fate == "wrong":
        trouble = "changed after saving"
    elif fate == "refused":
        trouble = "changed after saving" if saved.intact is False else "counter moved, values intact"
    elif fate == "stale":
        trouble = "changed after saving" if saved.intact_now is False else "counter moved"
    elif fate == "changed":
        trouble = "changed after saving"
    verdicts, looks, icons = _verdicts(facts, key, at, saved)
    row = SlotRow(
        index=at,
        ref=saved.tensor,
        slot=saved.slot,
        of=tensor.name if tensor else None,
        freed_at=node.freed_at,
        fate=fate,
        icon=icon,
        verdict=max((words for _, words in verdicts), key=len),
        verdict_track=facts.film.changes(verdicts),
        look_track=facts.film.changes(looks),
        icons=tuple(icons),
    )
    since = facts.spoilt(key, at) if trouble else None
    if since is None:
        return replace(row, trouble=trouble)
    kinds = [(0, "thin dot tether"), (since, f"{'alarm-line' if fate == 'wrong' else 'stroke'} tether")]
    return replace(row, trouble=trouble, trouble_since=since, tether_track=facts.film.changes(kinds))


def _verdicts(
    facts: Facts, key: str, at: int, saved: SavedTensor
) -> tuple[list[tuple[int, str]], list[tuple[int, str]], list[Verdict]]:
    """From moment to moment: the version that was saved against the one now, how that looks, and the checks."""
    node = facts.trace.nodes[key]
    if saved.hooked or saved.version is None:
        return [(node.moment, "packed by hooks" if saved.hooked else "no version")], [(node.moment, "faint end")], []
    counter = facts.trace.tensors[saved.tensor].counter if saved.tensor else None
    moves = [(moment, to) for moment, to in facts.history.moves(counter) if moment > node.moment] if counter else []
    checks = [(moment, check) for moment, check, _ in facts.history.checks[key, at] if check.version is not None]
    words = [(node.moment, f"version {saved.version}")]
    words += [(moment, f"version {saved.version}, now {to}") for moment, to in moves]
    looks = [(0, "faint end")]
    icons: list[Verdict] = []
    for nth, (moment, check) in enumerate(checks):
        passed = check.version == saved.version
        words = [turn for turn in words if turn[0] < moment or turn[0] > moment]
        said = f"{saved.version} {'=' if passed else '≠'} {check.version}"
        words.append((moment, said))
        words = [turn for turn in words if turn[0] <= moment or nth + 1 < len(checks)]
        looks.append((moment, "ink mono end"))
        until = checks[nth + 1][0] if nth + 1 < len(checks) else None
        icons.append(Verdict("passed" if passed else "refused", said, moment, until))
    if not checks and saved.version_now is not None and saved.version_now != saved.version and not moves:
        words.append((facts.history.moments.count, f"version {saved.version}, now {saved.version_now}"))
    return sorted(words, key=lambda turn: turn[0]), looks, icons


def bit_of(facts: Facts, key: str) -> Bit:
    """A tensor as it is shown beside its node."""
    return _bit(facts, key, 0)


def _bit(facts: Facts, key: str, more: int) -> Bit:
    tensor = facts.trace.tensors[key]
    views = facts.views(key)
    values = tensor.values or next((values for _, values in reversed(views) if values is not None), None)
    small = values is not None and values.flat is not None and 0 < len(values.flat) <= MOST_VALUES
    cells = cells_of(_flat(values), digits=3) if small and values else Cells(form="nothing")
    if cells.flat:
        shots, note = _shots(views, len(cells.flat)), _note_of_view(facts, tensor)
        cells = replace(cells, rows=(filmed(facts.film, cells.flat, shots, digits=3, note=note),))
    if sum(width(cell.text, 12, "code") + 10 for cell in cells.flat) > WIDEST_VALUES_PX:
        cells = Cells(form="nothing")
    changed = changed_elements(facts, tensor)
    return Bit(
        ref=key,
        name=tensor.name or tensor.expression or "",
        named=tensor.name is not None,
        cells=cells,
        shape=shape_words(tensor.shape),
        changed=frozenset(changed),
        wrong=any(changed.values()),
        more=max(more, 0),
    )


def _shots(views: Sequence[tuple[int, Values | None]], count: int) -> list[Shot]:
    """What a tensor's elements held from moment to moment."""
    unknown: list[Scalar | None] = [None] * count
    flats = [(moment, values.flat if values else None) for moment, values in views]
    return [(moment, flat if flat is not None and len(flat) == count else unknown) for moment, flat in flats]


def _note_of_view(facts: Facts, tensor: Tensor) -> NotesOf:
    """What is said of an element: what is said of its cell."""
    if not facts.lost.get(tensor.storage or ""):
        return lambda _moment, _element, _value: PLAIN
    cells, note_of = cells_of_view(tensor), facts.note_of(tensor.storage or "")

    def note(moment: int, element: int, value: Scalar) -> Note:
        if element >= len(cells):
            return PLAIN
        return replace(note_of(moment, cells[element], value), was=None)  # a pill has no room for it

    return note


def changed_elements(facts: Facts, tensor: Tensor) -> dict[int, bool]:
    """The elements of `tensor` whose cells are not what was saved, and whether backward used them."""
    changes = facts.changes.get(tensor.storage) if tensor.storage else None
    if not changes:
        return {}
    return {at: changes[cell].wrong for at, cell in enumerate(cells_of_view(tensor)) if cell in changes}


def _flat(values: Values) -> Values:
    return Values(shape=(len(values.flat or ()),), dtype=values.dtype, flat=values.flat)


def _stubs(facts: Facts, parts: Mapping[str, Part], cuts: Sequence[Cut]) -> dict[str, list[Stub]]:
    """Cuts whose value went into no node, by the part that the value came out of."""
    found: dict[str, list[Stub]] = {}
    for cut in cuts:
        node = facts.trace.tensors[cut.source].node
        if cut.into or node is None or node not in parts:
            continue
        result = facts.trace.tensors[cut.result] if cut.result else None
        if result is not None and result.name is None:
            continue  # nobody kept it
        stub = Stub(word=cut_word(cut), result=result.name if result else None, ref=cut.result, since=cut.moment)
        if not any((one.word, one.ref) == (stub.word, stub.ref) for one in found.setdefault(node, [])):
            found[node].append(stub)
    return found


def _heard(facts: Facts, key: str, node: Node, body: Body, moment: int) -> str:
    """What is not written in the box: what a number or a mark means."""
    fired = [one for one in facts.history.firings[key] if one.moment <= moment]
    words = [f"Number {facts.order_of(fired[-1])} in backward" if fired else "Not run by backward"]
    if body.bit and body.bit.name:
        words.append(f"{'accumulates into' if node.name == ACCUMULATE else 'made'} {body.bit.name}")
    for row in body.slots:
        version = node.saved[row.index].version
        verdict = f"version {version}" if version is not None else row.verdict
        for one in row.icons:
            if one.since <= moment:
                verdict = f"version {version}, check {one.icon}"
        trouble = row.trouble if row.trouble_since is not None and row.trouble_since <= moment else None
        words.append(f"saved {row.slot}, {verdict}{f', {trouble}' if trouble else ''}")
    if node.freed_at is not None and node.freed_at <= moment:
        words.append("freed since")
    return ", ".join(words)
