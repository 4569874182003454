"""Who is next, who is refused, and where one stands: without a sandbox, which would only take its time."""

import asyncio
from collections.abc import Sequence

import pytest

from app.errors import QueueFull
from app.sandbox.asking import Asking
from app.sandbox.turns import Bounds, Turns


def turns_of(running: int = 1, waiting: int = 100, of_address: int = 50, of_page: int = 20) -> Turns:
    return Turns(Bounds(running=running, waiting=waiting, of_address=of_address, of_page=of_page))


def reader(name: str) -> Asking:
    """ "school/3" is page 3 at the address school."""
    address, _, page = name.partition("/")
    return Asking(address=address, page=page)


class Queue:
    """Readers who wait behind one run; `order` is who had a turn."""

    def __init__(self, turns: Turns) -> None:
        self.turns, self.order, self.tasks = turns, list[str](), dict[str, asyncio.Task[None]]()

    async def fill(self, names: Sequence[str]) -> None:
        await self.turns.take(Asking(address="first"))
        for number, name in enumerate(names):
            self.tasks[f"{name}#{number}"] = asyncio.create_task(self._wait(name))
            await asyncio.sleep(0)

    async def run(self) -> list[str]:
        self.turns.give_back(0.1)
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)
        return self.order

    async def _wait(self, name: str) -> None:
        await self.turns.take(reader(name), begun=name.startswith("begun"))
        self.order.append(name)
        self.turns.give_back(0.1)


@pytest.mark.parametrize(
    ("came", "went"),
    [
        ("a a a a b", "a b a a a"),
        ("a a a b b c", "a b c a b a"),
        # a class behind one router shares its turns; whoever is alone waits for one of them at a time
        ("s/1 s/2 s/3 home", "s/1 home s/2 s/3"),
        ("s/1 s/1 s/1 s/2 s/3", "s/1 s/2 s/3 s/1 s/1"),
        # to claim to be many pages gains nothing from another address
        ("flood/1 flood/2 flood/3 flood/4 b b", "flood/1 b flood/2 b flood/3 flood/4"),
        ("a b a begun", "begun a b a"),
    ],
)
async def test_readers_take_turns(came: str, went: str) -> None:
    queue = Queue(turns_of())
    await queue.fill(came.split())
    assert await queue.run() == went.split()


@pytest.mark.parametrize("came", ["a a a a b", "a a a b b c", "s/1 s/2 s/3 home s/1 s/2", "a b a begun c/1 c/2 c/1"])
async def test_a_place_is_how_many_go_first(came: str) -> None:
    names = came.split()
    queue = Queue(turns_of())
    await queue.fill(names)
    told = {name: queue.turns.place(reader(name)) for name in set(names) if name != "begun"}
    order = await queue.run()
    for name, place in told.items():
        assert place is not None
        latest = max(number for number, each in enumerate(order) if each == name)
        assert (name, place.before) == (name, latest)
        assert place.about_s > 0
        assert queue.turns.place(reader(name)) is None


async def test_who_leaves_frees_the_place() -> None:
    queue = Queue(turns_of())
    await queue.fill(["a", "a", "b", "c", "a"])
    for gone in ("a#1", "b#2"):
        queue.tasks[gone].cancel()
    await asyncio.gather(queue.tasks["a#1"], queue.tasks["b#2"], return_exceptions=True)
    assert queue.turns.waiting == 3
    assert queue.turns.place(reader("b")) is None
    assert await queue.run() == ["a", "c", "a"]
    assert (queue.turns.running, queue.turns.waiting) == (0, 0)


async def test_all_leave_in_one_moment() -> None:
    """Also whoever runs: its turn goes to one who has left as well, and must not be lost with that."""
    queue = Queue(turns_of())
    await queue.fill(["a", "a", "b"])
    for task in queue.tasks.values():
        task.cancel()
    queue.turns.give_back(0.1)
    await asyncio.gather(*queue.tasks.values(), return_exceptions=True)
    assert (queue.turns.running, queue.turns.waiting, queue.order) == (0, 0, [])
    await queue.turns.take(reader("c"))


async def test_a_turn_that_comes_as_its_reader_leaves_is_passed_on() -> None:
    queue = Queue(turns_of())
    await queue.fill(["a", "b"])
    queue.turns.give_back(0.1)  # to a
    queue.tasks["a#0"].cancel()
    await asyncio.gather(*queue.tasks.values(), return_exceptions=True)
    assert queue.order == ["b"]
    assert queue.turns.running == 0


@pytest.mark.parametrize(
    ("waiting", "comes", "own"),
    [
        ("a a", "a", True),  # two of an address
        ("a/1 a/2", "a/3", True),
        ("a/1", "a/1", True),  # one of a page
        ("a b c", "d", False),  # three in all
        ("a/1 a/2 b", "c", False),
        ("a/1 b", "a/2", None),
        ("a a b", "begun", None),  # its page is being made already
    ],
)
async def test_who_is_refused(waiting: str, comes: str, own: bool | None) -> None:
    queue = Queue(turns_of(waiting=3, of_address=2, of_page=1))
    await queue.fill(waiting.split())
    if own is None:
        task = asyncio.create_task(queue._wait(comes))
        await asyncio.sleep(0)
        assert not task.done()
        await queue.run()
        await task
        return
    with pytest.raises(QueueFull) as refused:
        await queue.turns.take(reader(comes))
    assert refused.value.own is own
    assert 1 <= refused.value.retry_after_s <= 60
    assert queue.turns.waiting == len(waiting.split())


async def test_quiet_is_when_nobody_runs_or_waits() -> None:
    queue = Queue(turns_of())
    await queue.turns.quiet()
    await queue.fill(["a", "b"])
    quiet = asyncio.create_task(queue.turns.quiet())
    await asyncio.sleep(0)
    assert not quiet.done()
    assert await queue.run() == ["a", "b"]
    await quiet
