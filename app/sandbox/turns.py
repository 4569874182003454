"""Whose turn it is: a bounded queue in which addresses take turns, and at each address its pages.

Who sends much waits for oneself. A class behind one router is one address with many pages: it shares its turns
among them. To claim to be many pages gains nothing from other addresses, so a page's word for itself will do.
"""

import asyncio
import math
from collections import OrderedDict, deque

from msgspec import Struct

from app.errors import QueueFull
from app.sandbox.asking import Asking

_LONGEST_RETRY_S = 60


class Bounds(Struct, frozen=True, kw_only=True):
    """How many may run, and how many may wait for that."""

    running: int
    waiting: int
    of_address: int  # waiting, of one address
    of_page: int  # waiting, of one page


class Place(Struct, frozen=True, kw_only=True):
    """Where a reader stands in the queue."""

    before: int  # runs that have their turn first
    about_s: float  # until its own turn, as long as nobody leaves


class _Ticket:
    """One run that waits."""

    def __init__(self, who: Asking) -> None:
        self.address, self.page = who.address, who.page
        self.turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.queued = True


class Turns:
    """Hands out `bounds.running` turns at a time."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._free = bounds.running
        self._begun: deque[_Ticket] = deque()  # second runs of pages that are being made
        self._rings: OrderedDict[str, OrderedDict[str, deque[_Ticket]]] = OrderedDict()
        self._quiet = asyncio.Event()
        self._quiet.set()
        self.waiting = 0
        self._run_s = 0.05  # a run's length, averaged over the latest ones

    @property
    def all_taken(self) -> bool:
        """Whether as many run as may."""
        return self._free == 0

    @property
    def running(self) -> int:
        """How many have their turn now."""
        return self._bounds.running - self._free

    @property
    def full(self) -> bool:
        """Whether whoever comes next is refused."""
        return self.all_taken and self.waiting >= self._bounds.waiting

    async def take(self, who: Asking, *, begun: bool = False) -> None:
        """Wait for a turn. Raises QueueFull; for what has `begun` a page, never: that is next."""
        if self._free and not self.waiting:
            self._free -= 1
            self._quiet.clear()
            return
        ticket = _Ticket(who)
        if begun:
            self._begun.append(ticket)
        else:
            self._join(ticket)
        self.waiting += 1
        try:
            await ticket.turn
        except asyncio.CancelledError:
            if ticket.turn.done() and not ticket.turn.cancelled():
                self._pass_on()  # its turn came in the very moment in which it left
            else:
                self._leave(ticket)
            raise

    def give_back(self, took_s: float) -> None:
        """A run has ended, after `took_s`."""
        self._run_s += 0.1 * (took_s - self._run_s)
        self._pass_on()

    async def quiet(self) -> None:
        """Wait until nobody runs or waits."""
        await self._quiet.wait()

    def place(self, who: Asking) -> Place | None:
        """Of the latest run that this page waits for; None if it waits for none."""
        ring = self._rings.get(who.address, OrderedDict())
        if who.page not in ring:
            return None
        pages = {page: len(line) for page, line in ring.items()}
        of_address = _before(pages, who.page, pages[who.page]) + pages[who.page]
        addresses = {address: sum(map(len, pages.values())) for address, pages in self._rings.items()}
        of_all = _before(addresses, who.address, of_address)
        before = len(self._begun) + of_all + of_address - 1
        return Place(before=before, about_s=self._wait_s(before + 1))

    def _join(self, ticket: _Ticket) -> None:
        bounds = self._bounds
        ring = self._rings.get(ticket.address, OrderedDict())
        of_address = sum(map(len, ring.values()))
        of_page = len(ring.get(ticket.page, ()))
        if of_address >= bounds.of_address or (ticket.page and of_page >= bounds.of_page):
            raise QueueFull(self._retry_after_s(of_address), own=True)
        if self.waiting >= bounds.waiting:
            raise QueueFull(self._retry_after_s(self.waiting))
        self._rings[ticket.address] = ring
        ring.setdefault(ticket.page, deque()).append(ticket)

    def _leave(self, ticket: _Ticket) -> None:
        if not ticket.queued:
            return  # it was passed over, as one that had left
        ticket.queued = False
        self.waiting -= 1
        if ticket in self._begun:
            self._begun.remove(ticket)
            return
        ring = self._rings[ticket.address]
        ring[ticket.page].remove(ticket)
        if not ring[ticket.page]:
            del ring[ticket.page]
        if not ring:
            del self._rings[ticket.address]

    def _pass_on(self) -> None:
        """Hand a turn to whoever is next."""
        while ticket := self._next():
            ticket.queued = False
            if not ticket.turn.done():  # cancelled in this very moment, and has not noticed yet
                ticket.turn.set_result(None)
                return
        self._free += 1
        if not self.running:
            self._quiet.set()

    def _next(self) -> _Ticket | None:
        if not self.waiting:
            return None
        self.waiting -= 1
        if self._begun:
            return self._begun.popleft()
        address, ring = self._rings.popitem(last=False)
        page, line = ring.popitem(last=False)
        ticket = line.popleft()
        if line:
            ring[page] = line  # behind the others of its address
        if ring:
            self._rings[address] = ring
        return ticket

    def _wait_s(self, turns: int) -> float:
        return turns * self._run_s / self._bounds.running

    def _retry_after_s(self, waiting: int) -> int:
        return max(1, min(_LONGEST_RETRY_S, math.ceil(self._wait_s(waiting + 1))))


def _before(ring: dict[str, int], own: str, rounds: int) -> int:
    """How many of the others in `ring` have their turn before the one called `own` has its turn number `rounds`."""
    names = list(ring)
    ahead = names.index(own)
    return sum(
        min(ring[name], rounds if index < ahead else rounds - 1) for index, name in enumerate(names) if name != own
    )
