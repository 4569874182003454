"""Pages that processes of their own make, where more than one reader waits."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from app.diagram.room import Room
from app.sandbox.layers import Layer
from app.web.answers import Answer
from app.web.bench_page import Around, Job, page_of
from app.web.makers import CROWD, Makers
from app.web.outcome import Limits
from app.web.run import Sandboxed
from app.web.views import Site
from tests.sandbox.conftest import eventually
from tests.sandbox.processes import children_of, wait_until_gone
from tests.web.samples import data_trace

SOURCE = "import torch\na = torch.ones(2)  # <b> & \u202e"


@pytest_asyncio.fixture
async def makers() -> AsyncIterator[Makers]:
    """Two of them, ready."""
    found = Makers(2)
    found.expect(CROWD)
    await eventually(lambda: found._ready)
    yield found
    found.stop()


def job(*, partial: bool = False, source: str = SOURCE, room: Room | None = None) -> Job:
    """A page of a run that came out of a sandbox."""
    limits = Limits(time_s=5, memory_bytes=2**30, output_bytes=2**16, source_bytes=20_000)
    layers = (Layer(name="seccomp", core=True, active=False, stops="calls", missing_because="<none>"),)
    site = Site(lessons=(), limits=limits, layers=layers, version="0")
    around = Around(partial=partial, site=site, tried=None)
    return Job.of(Sandboxed(trace=data_trace(stdout="<i>\x1b")), source, frozenset(), room, around)


@pytest.mark.parametrize(("partial", "room"), [(False, None), (True, None), (True, "narrow")])
async def test_a_page_is_the_same_wherever_it_is_made(makers: Makers, partial: bool, room: Room | None) -> None:
    wanted = job(partial=partial, room=room)
    made = await makers.make(page_of, wanted)
    assert made == page_of(wanted)
    assert isinstance(made, Answer)


async def test_they_are_started_for_a_crowd_and_used_where_somebody_waits() -> None:
    makers = Makers(2)
    makers.expect(CROWD - 1)
    assert makers._starting is None
    makers.expect(CROWD)
    with makers.making(), makers.making():
        assert not makers.wanted  # they are not there yet
        await eventually(lambda: makers.wanted)
    with makers.making():
        assert not makers.wanted  # one reader alone
    makers.stop()
    with makers.making(), makers.making():
        assert not makers.wanted


@pytest.mark.parametrize("processes", [0, 1])
async def test_where_a_process_would_gain_nothing_there_is_none(processes: int) -> None:
    before = children_of(os.getpid())
    makers = Makers(processes)
    makers.expect(100)
    await asyncio.sleep(0)
    assert makers._starting is None
    assert await makers.make(page_of, job()) is None
    assert children_of(os.getpid()) == before
    makers.stop()


async def test_pages_are_made_here_when_they_die_and_by_others_later(
    makers: Makers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.web.makers._AGAIN_S", 0.0)
    assert makers._pool
    living = set(makers._pool._processes)
    os.kill(min(living), signal.SIGKILL)
    answers = await asyncio.gather(*(makers.make(page_of, job(source=f"a = {number}")) for number in range(8)))
    assert None in answers
    assert wait_until_gone(living, 5) == set()
    await eventually(lambda: makers._ready)
    assert await makers.make(page_of, job()) == page_of(job())


@pytest.mark.parametrize("error", [OSError("no room for semaphores"), RuntimeError("can't start new thread")])
async def test_where_they_cannot_be_started_pages_are_made_here(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("app.web.makers.ProcessPoolExecutor", refuse)
    makers = Makers(2)
    makers.expect(CROWD)
    assert makers._starting
    await makers._starting
    assert await makers.make(page_of, job()) is None


async def test_none_is_left_when_they_are_stopped(makers: Makers) -> None:
    assert makers._pool
    living = set(makers._pool._processes)
    makers.stop()
    assert wait_until_gone(living, 5) == set()
