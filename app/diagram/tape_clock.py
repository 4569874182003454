"""Which column of the tape each stop of the film stands in, and how far along the playhead is then."""

from collections.abc import Iterator, Sequence

from app.diagram.film import Film
from app.diagram.tape_moments import Column, column_at

AHEAD, NOW, OVER = "column ahead", "column now", "column"


class Clock:
    """The columns of one drawing over the film."""

    def __init__(self, film: Film, columns: Sequence[Column]) -> None:
        self.film, self.columns = film, columns
        self.stops: list[list[int]] = [[] for _ in columns]  # by column: the moments of the stops in it
        for moment in film.stops:
            self.stops[column_at(columns, moment)].append(moment)
        self.looks = list(self._looks())  # by column: the track of its classes

    def _looks(self) -> Iterator[int]:
        before = self.film.stops[0]
        for column, stops in zip(self.columns, self.stops, strict=True):
            turns = [(self.film.stops[0], AHEAD)] if column.first > before else []
            if stops:
                turns.append((stops[0], NOW))
            turns.append(((stops[-1] if stops else column.last) + 1, OVER))
            yield self.film.track(turns)

    def playhead(self, edges: Sequence[tuple[float, float, float]], end: float) -> tuple[int, int]:
        """The track of where the playhead stands, and that of how far all is drawn as it came to be.

        `edges` are the start, the middle and the end of each column in px; at the last moment all is, up to `end`.
        """
        at: list[tuple[int, str]] = []
        reached: list[tuple[int, str]] = []
        for stops, (start, middle, stop) in zip(self.stops, edges, strict=True):
            share = (stop - start) / max(len(stops), 1)
            first = middle if len(stops) == 1 else start + share / 2
            for nth, moment in enumerate(stops):
                at.append((moment, f"{first + nth * share:.1f}"))
                reached.append((moment, f"{start + (nth + 1) * share:.1f}"))
        if reached:
            reached[-1] = (reached[-1][0], f"{end:g}")
        return self.film.track(at), self.film.track(reached)
