"""The latest runs, as pages were made of them: a few, and together no larger than a few answers may be."""

import threading
from collections import OrderedDict

from app.diagram.pictures import Folds
from app.trace.wire import encode
from app.web.shown import Shown

MOST_RUNS = 24
MOST_BYTES = 24 * 2**20  # of their traces, as they crossed the wire; drawn they take some ten times as much


class Recent:
    """Least recently used first. A source has one run, which may be drawn with different folds open."""

    def __init__(self, most_runs: int = MOST_RUNS, most_bytes: int = MOST_BYTES) -> None:
        self._most_runs, self._most_bytes = most_runs, most_bytes
        self._kept: OrderedDict[tuple[str, Folds], tuple[Shown, int]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()  # it is filled from the threads that draw

    def get(self, source: str, unfold: Folds) -> Shown | None:
        """The run of `source`, drawn with these folds open."""
        with self._lock:
            found = self._kept.get((source, unfold))
            if found is None:
                return None
            self._kept.move_to_end((source, unfold))
            return found[0]

    def any_of(self, source: str) -> Shown | None:
        """The run of `source`, with whatever folds open."""
        with self._lock:
            return next((shown for (of, _), (shown, _) in self._kept.items() if of == source), None)

    def add(self, source: str, unfold: Folds, shown: Shown) -> None:
        """Keep it, and let go of the oldest where there are too many."""
        size = len(encode(shown.run.trace))
        with self._lock:
            self._drop((source, unfold))
            if size > self._most_bytes:
                return
            self._kept[source, unfold] = shown, size
            self._bytes += size
            while len(self._kept) > self._most_runs or self._bytes > self._most_bytes:
                self._drop(next(iter(self._kept)))

    def renew(self, source: str, unfold: Folds, shown: Shown) -> None:
        """Keep a new run of `source` in place of the one before."""
        with self._lock:
            for key in [key for key in self._kept if key[0] == source]:
                self._drop(key)
        self.add(source, unfold, shown)

    def _drop(self, key: tuple[str, Folds]) -> None:
        found = self._kept.pop(key, None)
        if found is not None:
            self._bytes -= found[1]
