"""How many readers are about: as many children shall wait for their snippets.

A class opens the page, listens, and presses Run in one moment. Whatever was forked, jailed and warmed up while it
listened need not be done in that moment.
"""

from collections import OrderedDict
from itertools import count

from app.sandbox.asking import Asking

LATELY_S = 600.0  # who was here within that time is about


class Crowd:
    """Who was here lately; the number of them is bounded, and says no more than how many children are worth having."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._seen: OrderedDict[tuple[str, str], float] = OrderedDict()  # the latest last
        self._visits = count()

    def visited(self, who: Asking, now_s: float) -> None:
        """Somebody opened a page. It has no name yet: a class behind one router is told apart by its visits alone."""
        self._note((who.address, f"visit {next(self._visits)}"), now_s)

    def asked(self, who: Asking, now_s: float) -> None:
        """Somebody pressed Run. Who gives no page's name is one reader at each address."""
        self._note((who.address, who.page), now_s)

    def size(self, now_s: float) -> int:
        """How many are about, as far as they were counted."""
        while self._seen and next(iter(self._seen.values())) < now_s - LATELY_S:
            self._seen.popitem(last=False)
        return len(self._seen)

    def _note(self, key: tuple[str, str], now_s: float) -> None:
        self._seen[key] = now_s
        self._seen.move_to_end(key)
        if len(self._seen) > self._most:
            self._seen.popitem(last=False)
