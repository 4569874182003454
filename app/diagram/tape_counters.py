"""Version counters on the wide tape: stepped lines, and what did not move them."""

from collections.abc import Iterator

from app.diagram.layout import px
from app.diagram.shapes import Tone
from app.diagram.tape_head import Head
from app.diagram.tape_lanes import CounterLine, Lane
from app.diagram.tape_sheet import Spot, path, pen_of
from app.diagram.tape_words import Words, checks
from app.diagram.text import width

_STEP, _MOST = 18.0, 24.0  # how much one step rises, and all of them together
_ROOM = 22.0  # over a line, for its numbers
_GHOST_ROOM = 14.0  # more, for the step that was not made
_FOOT = 12.0  # under it
_GHOST = 96.0  # how long the step is drawn that was not made


class Counters:
    """Those of one lane, one under the other."""

    def __init__(self, words: Words, head: Head, lane: Lane, top: float, end: float) -> None:
        self.words, self.head, self.lane, self.sheet, self.end = words, head, lane, head.sheet, end
        self.lines: list[tuple[CounterLine, float, float]] = []  # with the level of its start, and px for a version
        y = top
        for line in lane.counters:
            span = max((version for _, version in line.steps), default=line.start) - line.start
            unit = min(_STEP, _MOST / span) if span > 0 else 0.0
            ghost = line.checked and any(write.missed for write in lane.writes)
            y += _ROOM + max(span, 0) * unit + (_GHOST_ROOM if ghost else 4 if lane.in_question else 0)
            self.lines.append((line, y, unit))
            y += _FOOT
        self.bottom = y + (0 if self.lines else 2)

    def level(self, counter: str | None, moment: int) -> float | None:
        """How high a counter's line runs at a moment, a write of that moment included; None if it is not drawn."""
        for line, y, unit in self.lines:
            if line.id == counter:
                version = next((version for at, version in reversed(line.steps) if at <= moment), line.start)
                return y - (version - line.start) * unit
        return None

    def draw(self) -> None:
        """The lines, with their names on the left and a number at each step."""
        for line, y, _ in self.lines:
            title = self.words.counter(self.lane, line)
            self.head.label(line.id, line.id, line.names, y - 1, line.since, title)
            if told := checks(self.lane, line):
                since = min((save.moment for save in self.lane.saves if save.counter == line.id), default=line.since)
                self.sheet.write(told, [(0, y + 14, "start")], "faint", ref=line.id, since=since, gap=1)
            points = list(self._points(line))
            kind = "count checked" if line.checked else "count"
            pen = pen_of(kind, path(points))
            pen.path(_dot(*points[0]), f"{kind} start")
            self.sheet.add(pen, "steps", ref=line.id, since=line.since, label=title, clip="now")
            self.sheet.ghosts.append(path(points))
            tone: Tone = "ink" if line.checked else "soft"
            shown: set[tuple[float, int]] = set()
            for moment, version in ((line.since, line.start), *line.steps):
                x, level = self.head.at(moment), self.level(line.id, moment)
                if level is None or not self.head.is_open(moment) or (x, version) in shown:
                    continue
                shown.add((x, version))
                spots: list[Spot] = [(x + 9, level - 7, "start")]
                if version == line.start and x == self.head.at(line.since):
                    spots = [(x + 9, y - 7, "start"), (x - 9, y + 4, "end")]  # it may have risen in this very column
                self.sheet.write(
                    str(version),
                    spots,
                    tone,
                    "code",
                    size=13,
                    bold=line.checked,
                    kind="halo",
                    ref=line.id,
                    since=moment,
                )

    def _points(self, line: CounterLine) -> Iterator[tuple[float, float]]:
        level = self.level(line.id, line.since - 1) or 0.0
        yield self.head.at(line.since), level
        for moment, _ in line.steps:
            x, risen = self.head.at(moment), self.level(line.id, moment)
            if risen is not None and risen != level:
                yield x, level
                yield x, risen
                level = risen
        yield self.end, level

    def drops(self, top: float) -> None:
        """From each write down to the counter that it moved, or to the step that was not made."""
        for write in self.lane.writes:
            x = self.head.at(write.moment)
            level = self.level(write.write.counter, write.moment)
            if level is None and write.missed:
                level = next((self._ghost(y) for line, y, _ in self.lines if line.checked), None)
            if level is not None:
                kind = "drop harmful" if write.harmful else "drop"
                label = self.words.write(self.lane, write)
                pen = pen_of(kind, path([(x, top), (x, level)]))
                self.sheet.add(pen, "moves", ref=f"L{write.write.line}", since=write.moment, label=label)

    @staticmethod
    def _ghost(y: float) -> float:
        return y - 16

    def remarks(self) -> None:
        """Where the counter that autograd checks did not move though its memory was written."""
        checked = next(((line, y) for line, y, _ in self.lines if line.checked), None)
        if checked is None:
            return
        line, _ = checked
        for write in self.lane.writes:
            if not write.missed:
                continue
            x = self.head.at(write.moment)
            y = self._ghost(self.level(line.id, write.moment) or checked[1])
            end = min(x + max(_GHOST, width("no step here", face="strong") + 14), self.end)
            pen = pen_of("ghost harmful" if write.harmful else "ghost", path([(x, y), (end, y)]))
            tone: Tone = "alarm" if write.harmful else "ink"
            self.sheet.add(pen, "no-step", ref=line.id, since=write.moment, label=f"{line.id} did not move")
            spots: list[Spot] = [(x + 10, y - 5, "start"), (x - 8, y - 5, "end")]
            self.sheet.write(
                "no step here", spots, tone, "strong", kind="halo", ref=f"L{write.write.line}", since=write.moment
            )


def _dot(x: float, y: float, radius: float = 4) -> str:
    return f"M{px(x - radius)} {px(y)}a{radius} {radius} 0 1 1 {2 * radius} 0a{radius} {radius} 0 1 1 {-2 * radius} 0Z"
