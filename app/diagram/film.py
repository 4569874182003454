"""What changes in the pictures from moment to moment, as compact data: a track for each text or look that changes.

Pictures are laid out once, for the whole run. What in them changes has a track: its values, each with the moment from
which on it holds. The server shows a moment by them, and the page's script steps from moment to moment by the same.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import TypeVar

from msgspec import Struct


class FilmData(Struct, frozen=True, kw_only=True):
    """A film as the page carries it.

    `stops` are the moments that can be shown. A track is stop, word, stop, word, …: by index into `stops` and `words`;
    the first is that of stop 0.
    """

    stops: tuple[int, ...]
    words: tuple[str, ...]
    tracks: tuple[tuple[int, ...], ...]


class Still(Struct, frozen=True, kw_only=True):
    """The film at one stop."""

    index: int  # of the stop
    moment: int
    now: list[str]  # what each track holds


Value = TypeVar("Value")
Texts = tuple[tuple[str, int | None], ...]  # each with its track
Turns = tuple[tuple[int, str], ...]
NOT_YET = "Not there yet"  # what a mark says that is only outlined: a link needs a name


class Film:
    """Collects the tracks of the pictures of one run."""

    def __init__(self, stops: Sequence[int]) -> None:
        self.stops = tuple(stops) or (0,)  # moments, ascending; the last is the end of the run
        self._words: list[str] = []
        self._word_at: dict[str, int] = {}
        self._tracks: list[tuple[int, ...]] = []
        self._track_at: dict[tuple[int, ...], int] = {}
        self._told: dict[tuple[Texts, Turns], list[tuple[int, str]]] = {}

    def index(self, moment: int) -> int:
        """The stop at which what happened at `moment` is first seen."""
        return min(bisect_left(self.stops, moment), len(self.stops) - 1)

    def track(self, turns: Iterable[tuple[int, str]]) -> int:
        """The track of something that is "" at first and takes each value of `turns` at its moment, ascending."""
        at: dict[int, str] = {0: ""}
        stops, words, word_at = self.stops, self._words, self._word_at
        count = len(stops)
        for moment, value in turns:
            stop = bisect_left(stops, moment)
            if stop < count:
                at[stop] = value
        flat: list[int] = []
        last = None
        for stop, value in at.items():
            if value != last:
                if value not in word_at:
                    word_at[value] = len(words)
                    words.append(value)
                flat += (stop, word_at[value])
                last = value
        found = tuple(flat)
        if found not in self._track_at:
            self._track_at[found] = len(self._tracks)
            self._tracks.append(found)
        return self._track_at[found]

    def turns(self, track: int) -> list[tuple[int, str]]:
        """What a track holds, from each stop on at which that changes."""
        flat = self._tracks[track]
        return [(self.stops[stop], self._words[word]) for stop, word in zip(flat[::2], flat[1::2], strict=True)]

    def together(
        self, parts: Sequence[tuple[str, int | None]], beside: Sequence[tuple[int, str]] = ()
    ) -> Sequence[tuple[int, str]]:
        """What texts, each with its track where it has one, say together; after them what stands `beside` them."""
        key = (tuple(parts), tuple(beside))  # a box says the same at each width
        if key not in self._told:
            self._told[key] = self._together(parts, beside)
        return self._told[key]

    def _together(
        self, parts: Sequence[tuple[str, int | None]], beside: Sequence[tuple[int, str]]
    ) -> list[tuple[int, str]]:
        tracks = {track: dict(self.turns(track)) for _, track in parts if track is not None}
        moments = {moment for turns in tracks.values() for moment in turns}.union(moment for moment, _ in beside)
        shown: dict[int | None, str] = {}
        after, said, told = "", dict(beside), []
        for moment in sorted(moments):
            after = said.get(moment, after)
            shown |= {track: turns[moment] for track, turns in tracks.items() if moment in turns}
            seen = [text if track is None else shown.get(track, "") for text, track in parts]
            told.append((moment, ". ".join(part for part in (" ".join(filter(None, seen)), after) if part) or NOT_YET))
        return [(0, NOT_YET), *told] if told and told[0][0] > self.stops[0] else told

    def seen(self, turns: Iterable[tuple[int, Value]]) -> list[tuple[int, Value]]:
        """Those of `turns`, ascending, that hold at any stop: of several between two stops the last one."""
        last = {bisect_left(self.stops, turn[0]): turn for turn in turns}
        last.pop(len(self.stops), None)  # after the end
        return list(last.values())

    def changes(self, turns: Iterable[tuple[int, str]]) -> int | None:
        """The track of `turns`; None where all are the same: what is there at all then says it."""
        turns = list(turns)
        if len(turns) < 2:  # as most have
            return None
        return self.track(turns) if len({value for _, value in turns}) > 1 else None

    def now(self, index: int) -> list[str]:
        """What each track holds at that stop."""
        words = self._words
        found = []
        for track in self._tracks:
            at = 0
            while at + 2 < len(track) and track[at + 2] <= index:
                at += 2
            found.append(words[track[at + 1]])
        return found

    def still(self, moment: int | None = None) -> Still:
        """The film at the stop that shows `moment`, the last one for None."""
        index = len(self.stops) - 1 if moment is None else self.index(moment)
        return Still(index=index, moment=self.stops[index], now=self.now(index))

    def data(self) -> FilmData:
        """All of it, to be sent."""
        return FilmData(stops=self.stops, words=tuple(self._words), tracks=tuple(self._tracks))
