"""What stands in the box of each part of the graph: names, order, tensor, saved slots, cuts. No positions yet."""

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from app.diagram.cells import Cells, cells_of, shape_words
from app.diagram.facts import Facts, Fate, cells_of_view
from app.diagram.parts import Part
from app.diagram.shapes import IconKind, Tone
from app.diagram.text import Face, width
from app.trace.flow import ACCUMULATE, Cut
from app.trace.model import Node, SavedTensor, Tensor, Values

MOST_SLOTS = 4  # listed one by one
MOST_STUBS = 2
MOST_VALUES = 4  # numbers beside a tensor's name
WIDEST_VALUES_PX = 150.0  # and the room for them

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


class SlotRow(Struct, frozen=True, kw_only=True):
    """What a node keeps in one slot, and what became of it."""

    index: int  # in Node.saved
    ref: str | None
    slot: str
    of: str | None  # the reader's name for the tensor
    freed: bool
    fate: Fate
    icon: IconKind | None  # the verdict
    verdict: str
    trouble: str | None = None  # in words, where there is any


class Stub(Struct, frozen=True, kw_only=True):
    """A value that left the graph here and went into no node."""

    word: str
    result: str | None
    ref: str | None


class Body(Struct, frozen=True, kw_only=True):
    """All that one box says."""

    part: Part
    title: str
    note: str
    order: str | None
    state: State
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
    slots = [_slot_row(facts, node, at, saved) for at, saved in enumerate(node.saved)]
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
    firing = facts.firings.get(key)
    return Body(
        part=part,
        title=node.name,
        note=_note(facts, key, node, line, bit),
        order=str(firing.order) if firing else None,
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
        heard=_heard(node, firing.order if firing else None, bit, slots),
    )


def _fold_body(facts: Facts, part: Part) -> Body:
    orders = sorted(firing.order for key in part.nodes if (firing := facts.firings.get(key)))
    nodes = facts.trace.nodes
    fates = {facts.fate(saved) for key in part.nodes for saved in nodes[key].saved}
    state: State = "wrong" if "wrong" in fates else "refused" if "refused" in fates else "fold"
    steps = [step for key in part.nodes if (step := nodes[key].step) is not None]
    since = min((nodes[key].moment for key in part.nodes), default=None)
    order = None
    if orders:
        order = f"{orders[0]}–{orders[-1]}" if len(orders) > 1 else str(orders[0])
    return Body(
        part=part,
        title=part.title,
        note=part.words,
        detail=part.detail,
        order=order,
        state=state,
        line=facts.line(min(steps)) if steps else None,
        since=since,
        heard=f"{part.detail or part.words}, folded",
    )


def _note(facts: Facts, key: str, node: Node, line: int | None, bit: Bit | None) -> str:
    if node.name == ACCUMULATE:
        return f"into {bit.name}.grad" if bit else "into a leaf"
    words = [f"line {line}" if line is not None else ""]
    if node.custom:
        words.append("your Function")
    if node.freed:
        words.append("freed since")
    elif not node.saved:
        words.append("saves nothing")
    if facts.ran_backward and key not in facts.firings:
        words.append("not reached")
    return ", ".join(word for word in words if word)


def _slot_row(facts: Facts, node: Node, at: int, saved: SavedTensor) -> SlotRow:
    fate = facts.fate(saved)
    tensor = facts.trace.tensors[saved.tensor] if saved.tensor else None
    icon: IconKind | None = None
    trouble = None
    now = saved.version_read if saved.version_read is not None else saved.version_now
    if saved.hooked:
        verdict = "packed by hooks"
    elif saved.version is None:
        verdict = "no version"
    elif saved.version_read is not None:
        icon = "refused" if fate == "refused" else "passed"
        verdict = f"{saved.version} {'≠' if fate == 'refused' else '='} {now}"
    else:
        verdict = f"version {saved.version}"
    if fate == "wrong":
        trouble = "changed after saving"
    elif fate == "refused":
        trouble = "changed after saving" if saved.intact is False else "counter moved, values intact"
    elif fate == "stale":
        verdict = f"saved at {saved.version}, now {now}"
        trouble = "changed after saving" if saved.intact_now is False else "counter moved"
    elif fate == "changed":
        trouble = "changed after saving"
    name = tensor.name if tensor else None
    return SlotRow(
        index=at,
        ref=saved.tensor,
        slot=saved.slot,
        of=name,
        freed=node.freed,
        fate=fate,
        icon=icon,
        verdict=verdict,
        trouble=trouble,
    )


def bit_of(facts: Facts, key: str) -> Bit:
    """A tensor as it is shown beside its node."""
    return _bit(facts, key, 0)


def _bit(facts: Facts, key: str, more: int) -> Bit:
    tensor = facts.trace.tensors[key]
    values = tensor.values
    small = values is not None and values.flat is not None and 0 < len(values.flat) <= MOST_VALUES
    cells = cells_of(_flat(values), digits=3) if small and values else Cells(form="nothing")
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
        stub = Stub(word=cut_word(cut), result=result.name if result else None, ref=cut.result)
        if stub not in found.setdefault(node, []):
            found[node].append(stub)
    return found


def _heard(node: Node, order: int | None, bit: Bit | None, slots: Sequence[SlotRow]) -> str:
    """What is not written in the box: what a number or a mark means."""
    words = [f"Number {order} in backward" if order is not None else "Not run by backward"]
    if bit and bit.name:
        words.append(f"{'accumulates into' if node.name == ACCUMULATE else 'made'} {bit.name}")
    for row in slots:
        words.append(f"saved {row.slot}, {row.verdict}{f', {row.trouble}' if row.trouble else ''}")
    if node.freed:
        words.append("freed since")
    return ", ".join(words)
