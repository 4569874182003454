"""The rows of the tape whose time runs down: where each column of the wide one stands, and how much room it takes."""

from app.diagram.layout import Box
from app.diagram.tape_axis import Axis
from app.diagram.tape_lanes import Lane
from app.diagram.tape_moments import column_at
from app.diagram.tape_spans import Span

WORDS_PX = 26.0  # below a mark that says in the band what is wrong
_HEADER = 42.0
_ROW, _EVENT, _READ = 25.0, 36.0, 44.0  # a quiet row, one with a mark, one with a verdict
_TITLE = 22.0  # over the nodes of a backward


class Rows:
    """A row for each column, from the top; the height of each follows from what `lane` does in it."""

    def __init__(self, axis: Axis, lane: Lane, width_px: int) -> None:
        self.columns = axis.columns
        self.middles: list[float] = []
        self.edges: list[tuple[float, float]] = []  # top and bottom
        self.titles: list[tuple[float, Span]] = []  # where it stands what goes over several rows
        self.sunk: list[Box] = []  # behind those of a backward
        events = {column_at(self.columns, write.moment) for write in lane.writes}
        events |= {column_at(self.columns, moment) for moment in (lane.since, *(save.moment for save in lane.saves))}
        reads = {column_at(self.columns, read.moment): read.differs for save in lane.saves for read in save.reads}
        y = _HEADER
        spans = sorted((*axis.backwards, *axis.spans), key=lambda span: (span.first, -span.last))
        for at, column in enumerate(self.columns):
            top = y
            for span in spans:
                if span.first == at:
                    y += _TITLE
                    self.titles.append((y - 7, span))
            height = _READ if at in reads and not column.folded else _EVENT if at in events else _ROW
            self.edges.append((y, y + height))
            self.middles.append(y + height / 2)
            y += height + (WORDS_PX if reads.get(at) else 0)
            if any(span.first <= at <= span.last for span in axis.backwards):
                self.sunk.append(Box(0, top, width_px, y - top))
        self.bottom = y

    def at(self, moment: int) -> float:
        """The middle of the row of `moment`."""
        return self.middles[column_at(self.columns, moment)]

    def is_open(self, moment: int) -> bool:
        """Whether `moment` has a row of its own, not folded with others."""
        return not self.columns[column_at(self.columns, moment)].folded
