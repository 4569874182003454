"""The latest runs, as pages were made of them: a few, and together no larger than a few answers may be."""

import threading
from collections import OrderedDict

from app.diagram.pictures import Folds
from app.trace.wire import encode
from app.web.run import Run, Sandboxed, run_of
from app.web.shown import Shown

MOST_RUNS = 24
MOST_BYTES = 24 * 2**20  # of their traces, as they crossed the wire; drawn they take some ten times as much

Key = tuple[str, Folds | None]  # None: not drawn, or not for every room
Kept = Shown | Run | Sandboxed  # drawn, explained, or as it came


class Recent:
    """Least recently used first. A source has one run, which may be drawn with different folds open."""

    def __init__(self, most_runs: int = MOST_RUNS, most_bytes: int = MOST_BYTES) -> None:
        self._most_runs, self._most_bytes = most_runs, most_bytes
        self._kept: OrderedDict[Key, tuple[Kept, int]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()  # it is filled from the threads that draw

    def get(self, source: str, unfold: Folds) -> Shown | None:
        """The run of `source`, drawn with these folds open."""
        with self._lock:
            kept, _ = self._kept.get((source, unfold), (None, 0))
            if not isinstance(kept, Shown):
                return None
            self._kept.move_to_end((source, unfold))
            return kept

    def run_of(self, source: str) -> Run | None:
        """The run of `source`, whether it was drawn here or not. May take milliseconds: for a thread."""
        with self._lock:
            kept = next((kept for (of, _), (kept, _) in self._kept.items() if of == source), None)
        if isinstance(kept, Shown):
            return kept.run
        return run_of(kept, source) if isinstance(kept, Sandboxed) else kept

    def note(self, source: str, run: Run | Sandboxed, size: int) -> None:
        """Keep a new run of `source` in place of the one before, to be drawn when asked for; `size` is its trace's."""
        self._forget(source)
        self._add((source, None), run, size)

    def add(self, source: str, unfold: Folds, shown: Shown) -> None:
        """Keep it, and let go of the oldest where there are too many."""
        self._add((source, unfold), shown, len(encode(shown.run.trace)))

    def _add(self, key: Key, kept: Kept, size: int) -> None:
        with self._lock:
            self._drop(key)
            if size > self._most_bytes:
                return
            self._kept[key] = kept, size
            self._bytes += size
            while len(self._kept) > self._most_runs or self._bytes > self._most_bytes:
                self._drop(next(iter(self._kept)))

    def renew(self, source: str, unfold: Folds, shown: Shown) -> None:
        """Keep a new run of `source` in place of the one before."""
        self._forget(source)
        self.add(source, unfold, shown)

    def _forget(self, source: str) -> None:
        with self._lock:
            for key in [key for key in self._kept if key[0] == source]:
                self._drop(key)

    def _drop(self, key: Key) -> None:
        found = self._kept.pop(key, None)
        if found is not None:
            self._bytes -= found[1]
