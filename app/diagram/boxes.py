"""How the box of one part is drawn, in three looks that share their rows.

`tall`: the tensor stands over its node. `flat`: both in one small box. `list`: one wide box in a column of boxes.
"""

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from app.diagram.bits import Bit
from app.diagram.bodies import Body, Stub
from app.diagram.cells import Cells
from app.diagram.film import Film
from app.diagram.layout import Box, Point, Size, px, rounded
from app.diagram.pills import PILL_PX, draw_pill, pill_width
from app.diagram.shapes import Mark, Pen
from app.diagram.slots import SlotRow
from app.diagram.text import ellipsize, width, wrap

Look = Literal["tall", "flat", "list"]

PILL_GAP_PX, STUB_PX = 24.0, 20.0
ROW_PX, TROUBLE_PX = 23.0, 20.0
HEADER_PX: dict[Look, float] = {"tall": 52.0, "flat": 44.0, "list": 48.0}
PAD_PX: dict[Look, float] = {"tall": 16.0, "flat": 10.0, "list": 16.0}
NARROWEST_PX: dict[Look, float] = {"tall": 124.0, "flat": 92.0, "list": 200.0}
WIDEST_PX: dict[Look, float] = {"tall": 268.0, "flat": 172.0, "list": 2000.0}
BIT_ROW_PX = 36.0
DETAIL_PX = 16.0
CIRCLE_PX = 11.0
_BADGE_IN_PX = 14.0  # how far the order reaches into a small box


class Drawn(Struct, frozen=True, kw_only=True):
    """One box, drawn."""

    marks: tuple[Mark, ...]
    rect: Box
    pill: Box | None
    slots: dict[int, Point]  # where a tether leaves, by the index in Node.saved


def measure(body: Body, look: Look, list_width: float = 0.0) -> Size:
    """The header, which edges meet, and what stands above and hangs below it."""
    if look == "list":
        below = _rows_height(body, look, list_width - 2 * PAD_PX[look])
        bit = _fitting(body, list_width)
        return Size(list_width, HEADER_PX[look], below=below + (0 if _beside(body, bit, list_width) else BIT_ROW_PX))
    wide = max(_text_width(body, look), _rows_width(body, look)) + 2 * PAD_PX[look]
    above = 0.0
    if look == "tall":
        above = _above(body)
        wide = max(wide, pill_width(body.bit) if body.bit else 0.0)
    out = _badge_width(body.order) - _BADGE_IN_PX if look == "flat" and body.order else 0.0
    widest = WIDEST_PX[look] if body.part.kind == "node" else WIDEST_PX["tall"]
    wide = min(max(wide, NARROWEST_PX[look]), widest)
    below = _rows_height(body, look, wide - 2 * PAD_PX[look])
    return Size(wide, HEADER_PX[look], above=max(above, CIRCLE_PX), below=below, right=out)


def draw(film: Film, body: Body, look: Look, header: Box, below: float, opens: str | None) -> Drawn:
    """The box around `header`, with its tensor and its rows; `opens` is what pressing a fold asks for.

    `below` is how far its rows hang out of the header, as it was measured.
    """
    bit = _fitting(body, header.width) if look == "list" else body.bit
    rect = Box(header.x, header.y, header.width, header.height + below)
    pen = Pen()
    pen.plate(rect, f"node {body.state}", kind_track=body.kind_track)
    pad = PAD_PX[look]
    left, right = rect.x + pad, rect.x + rect.width - pad
    marks: list[Mark] = []
    pill = None
    top = header.y
    room = rect.width - 2 * pad
    if look == "flat":
        _flat_header(pen, body, left, top, room)
        y = top + HEADER_PX[look]
    else:
        if look == "list" and bit and _beside(body, bit, rect.width):
            wide = pill_width(bit)
            pill = Box(rect.x + rect.width - wide - 10, top + 12, wide, PILL_PX - 4)
            room -= wide
        pen.text(left, top + 22, ellipsize(body.title, room, 13, "strong"), "ink", "strong", size=13)
        pen.text(left, top + 40, ellipsize(body.note, room), "faint", text_track=_fits(body, body.note, room))
        y = top + HEADER_PX[look]
        if look == "list" and bit and pill is None:
            wide = min(pill_width(bit), rect.width - 2 * pad)
            pill = Box(left - 2, y, wide, PILL_PX - 6)
            y += BIT_ROW_PX
        if look == "tall" and bit:
            wide = min(pill_width(bit), rect.width)
            pill = Box(rect.x + (rect.width - wide) / 2, top - PILL_GAP_PX - PILL_PX, wide, PILL_PX)
            middle = rect.x + rect.width / 2
            pen.path(rounded([(middle, top - PILL_GAP_PX + 3), (middle, top - 3)]), "thin dot")
    over: list[Mark] = []
    anchors = _rows(pen, over, body, look, left, right, y)
    node = pen.mark(
        "node" if body.part.kind == "node" else "fold",
        ref=body.ref,
        label=body.heard[-1][1],
        line=body.line,
        opens=opens,
        since=body.since,
        label_track=film.changes(film.together([(one.text, one.text_track) for one in pen.labels], body.heard)),
    )
    marks += [node, *over]
    if body.order is not None:
        wide = _badge_width(body.order)
        middle = rect.x + rect.width - (_BADGE_IN_PX - wide / 2 if look == "flat" else 9 + wide / 2)
        marks.append(_circle(body, body.order, middle, top))
    if bit and pill:
        marks.append(draw_pill(bit, pill, body.since))
        if look == "tall":
            marks += _stubs_above(body, pill)
    return Drawn(marks=tuple(marks), rect=rect, pill=pill, slots=anchors)


def _flat_header(pen: Pen, body: Body, left: float, top: float, room: float) -> None:
    pen.text(left, top + 19, ellipsize(body.title, room, 13, "strong"), "ink", "strong", size=13)
    if body.bit is None:
        note = _short_note(body)
        pen.text(left, top + 36, ellipsize(note, room), "faint")
        return
    bit = body.bit
    aside = _aside(bit)
    beside = width(aside, 12, "code") + 8
    name = ellipsize(bit.name, max(room - beside, 40), 12, "code")
    used = pen.text(left, top + 36, name, "ink" if bit.named else "soft", "code")
    if used + beside <= room + 1:
        x = left + used + (8 if name else 0)
        track = bit.cells.flat[0].text_track if len(bit.cells.flat) == 1 else None
        if track is not None:
            x += pen.text(x, top + 36, "=", "faint", "code") + 7
            pen.text(x, top + 36, aside.removeprefix("= "), "faint", "code", text_track=track)
        else:
            pen.text(x, top + 36, aside, "alarm" if bit.wrong else "faint", "code")


def _short_note(body: Body) -> str:
    return body.note.partition(",")[0] if body.part.kind == "node" else body.note


def _aside(bit: Bit) -> str:
    """What stands after the name in a small box: its number if it is one, else its shape."""
    cells = bit.cells.flat
    if len(cells) == 1:
        return f"= {cells[0].text}"
    return bit.shape


def _fits(body: Body, text: str, room: float) -> int | None:
    """The track of the note, where all of what it holds has room."""
    return body.note_track if width(text) <= room else None


def _rows(
    pen: Pen, over: list[Mark], body: Body, look: Look, left: float, right: float, top: float
) -> dict[int, Point]:
    """Draw what is under the header; what comes and goes with the moment goes `over` it as marks of its own."""
    anchors: dict[int, Point] = {}
    y = top
    room = right - left
    if look == "flat":
        x = left
        shown = _fitting_slots(body, room)
        for row in shown:
            over += _pins(body, row, x + 4, y + 8)
            anchors[row.index] = (x + 4, y + 15)
            x += 14 + pen.text(x + 14, y + 12, _slot_name(row, look), "ink", "code") + 10
        more = len(body.slots) - len(shown) + body.more_slots
        if more:
            pen.text(x, y + 12, f"+{more}", "faint")
        y += 20 if body.slots else 0
    else:
        for row in body.slots:
            anchors[row.index] = (left + 4, y + ROW_PX)
            over += _slot_line(pen, body, row, left, right, y + 15)
            y += ROW_PX
            if row.trouble:
                over.append(_trouble(body, row.trouble, row, left, y))
                y += TROUBLE_PX
        if body.more_slots:
            pen.text(left + 16, y + 14, f"+{body.more_slots} more slots", "faint")
            y += TROUBLE_PX
        for line in _detail(body, look, room):
            pen.text(left, y + 8, line, "faint")
            y += DETAIL_PX
    if look == "flat":
        for row in body.slots:
            if row.trouble:
                over.append(_trouble(body, f"{row.slot} {row.trouble}", row, left, y))
                y += TROUBLE_PX
    if look != "tall":
        for stub in body.stubs:
            pen.icon("cut", left + 4, y + 8)
            pen.text(left + 16, y + 12, ellipsize(_stub_words(stub), room - 16, 12, "code"), "ink", "code")
            y += TROUBLE_PX
        if body.more_stubs:
            pen.text(left + 16, y + 12, f"and {body.more_stubs} more", "faint")
    return anchors


def _pins(body: Body, row: SlotRow, x: float, y: float) -> Iterator[Mark]:
    """The pin of a slot, hollow from the moment on at which backward released it."""
    pen = Pen()
    pen.icon("pin", x, y)
    yield pen.mark("pin", ref=body.ref, shown=row.pin)
    if row.released is not None:
        pen = Pen()
        pen.icon("released", x, y)
        yield pen.mark("pin", ref=body.ref, shown=row.released)


def _slot_line(pen: Pen, body: Body, row: SlotRow, left: float, right: float, baseline: float) -> Iterator[Mark]:
    yield from _pins(body, row, left + 4, baseline - 4)
    verdict = _verdict_width(row)
    room = right - left - 16 - verdict - 12
    used = pen.text(left + 16, baseline, ellipsize(row.slot, room, 12, "code"), "ink", "code", bold=True)
    if row.of and used + 8 + width(row.of, 12, "code") <= room:
        pen.text(left + 16 + used + 8, baseline, row.of, "soft", "code")
    pen.text(
        right,
        baseline,
        row.verdict,
        "faint",
        anchor="end",
        text_track=row.verdict_track,
        kind_track=row.look_track,
    )
    for one in row.checks:
        over = Pen()
        over.icon(one.icon, right - width(one.words, 12, "code") - 13, baseline - 4)
        yield over.mark("check", ref=body.ref, shown=one.shown)


def _verdict_width(row: SlotRow) -> float:
    """The room that the verdict takes at any moment, with its icon where there is one."""
    checks = [width(one.words, 12, "code") + 20 for one in row.checks]
    return max([width(row.verdict), *checks])


def _trouble(body: Body, words: str, row: SlotRow, left: float, y: float) -> Mark:
    pen = Pen()
    wrong = row.fate == "wrong"
    if wrong:
        pen.icon("differs", left + 4, y + 9)
    pen.text(left + 16, y + 13, words, "alarm" if wrong else "ink", "strong")
    return pen.mark("trouble", ref=body.ref, since=row.trouble_since)


def _stub_words(stub: Stub) -> str:
    return f"{stub.word} → {stub.result}" if stub.result else stub.word


def _stubs_above(body: Body, pill: Box) -> list[Mark]:
    """What left the graph from the tensor in `pill`: a short broken line up from it, and the word that broke it."""
    pen = Pen()
    y = pill.y - STUB_PX
    x = pill.x + 18
    words = [_stub_words(stub) for stub in body.stubs]
    if body.more_stubs:
        words.append(f"+{body.more_stubs}")
    if not words:
        return []
    pen.path(rounded([(x, pill.y), (x, pill.y - 6)]), "thin")
    pen.icon("cut", x, y + 7)
    pen.text(x + 12, y + 11, ellipsize(", ".join(words), 200, 12, "code"), "ink", "code")
    return [pen.mark("stub", ref=body.stubs[0].ref if body.stubs else None, since=body.stubs[0].since)]


def _badge_width(order: str) -> float:
    return max(2 * CIRCLE_PX, width(order, 12, "strong") + 12)


def _circle(body: Body, order: str, x: float, y: float) -> Mark:
    pen = Pen()
    wide = _badge_width(order)
    pen.plate(Box(x - wide / 2, y - CIRCLE_PX, wide, 2 * CIRCLE_PX), "order", CIRCLE_PX)
    pen.text(x, y + 4, order, "ink", "strong", anchor="middle", text_track=body.order_track)
    return pen.mark("order", ref=body.ref, shown=body.order_shown)


def _fitting(body: Body, list_width: float) -> Bit | None:
    """The tensor for a wide box: without its values where only its shape has room beside the title."""
    bit = body.bit
    if bit is None or _beside(body, bit, list_width):
        return bit
    bare = replace(bit, cells=Cells(form="nothing"))
    return bare if _beside(body, bare, list_width) else bit


def _beside(body: Body, bit: Bit | None, list_width: float) -> bool:
    """Whether a tensor fits to the right of the title of a wide box."""
    if bit is None:
        return True
    texts = max(width(body.title, 13, "strong"), width(body.note))
    return texts + pill_width(bit) + 16 + 10 + 12 <= list_width


def _above(body: Body) -> float:
    pill = PILL_PX + PILL_GAP_PX if body.bit else 0.0
    return pill + (STUB_PX + 4 if body.stubs else 0.0)


def _slot_name(row: SlotRow, look: Look) -> str:
    return ellipsize(row.slot, 66, 12, "code") if look == "flat" else row.slot


def _fitting_slots(body: Body, room: float) -> list[SlotRow]:
    """The slots that a small box lists; the rest is counted."""
    shown: list[SlotRow] = []
    used = 0.0
    for row in body.slots:
        last = row is body.slots[-1] and not body.more_slots
        used += 24 + width(_slot_name(row, "flat"), 12, "code")
        if used - 10 > room - (0 if last else 22):
            break
        shown.append(row)
    return shown


def _text_width(body: Body, look: Look) -> float:
    title = width(body.title, 13, "strong")
    if look != "flat":
        return max(title, width(body.note))
    if body.bit is None:
        return max(title, width(_short_note(body)))
    aside = _aside(body.bit)
    return max(title, width(body.bit.name, 12, "code") + width(aside, 12, "code") + 8)


def _rows_width(body: Body, look: Look) -> float:
    wide = [0.0]
    if look == "flat":
        wide.append(sum(24 + width(_slot_name(row, look), 12, "code") for row in body.slots))
        wide += [16 + width(f"{row.slot} {row.trouble}", 12, "strong") for row in body.slots if row.trouble]
        wide += [16 + width(_stub_words(stub), 12, "code") for stub in body.stubs]
        return max(wide)
    if body.detail:
        wide.append(min(width(body.detail), 200.0))
    for row in body.slots:
        of = 8 + width(row.of, 12, "code") if row.of else 0.0
        verdict = _verdict_width(row)
        wide.append(16 + width(row.slot, 12, "code") + of + 14 + verdict)
        wide.append(16 + width(row.trouble, 12, "strong") if row.trouble else 0)
    return max(wide)


def _detail(body: Body, look: Look, room: float) -> tuple[str, ...]:
    """What is in a fold, in at most two lines; a small box has no room for it."""
    return wrap(body.detail, room)[:2] if look != "flat" and body.detail else ()


def _rows_height(body: Body, look: Look, room: float) -> float:
    troubles = sum(row.trouble is not None for row in body.slots)
    if look == "flat":
        rows = 20.0 * bool(body.slots) + TROUBLE_PX * troubles
    else:
        rows = ROW_PX * len(body.slots) + TROUBLE_PX * (troubles + bool(body.more_slots))
        rows += DETAIL_PX * len(_detail(body, look, room))
    if look != "tall":
        rows += TROUBLE_PX * (len(body.stubs) + bool(body.more_stubs))
    return px(rows + (6 if rows and look != "flat" else 2 if rows else 0))
