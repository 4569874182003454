"""A process of plain torch and the real sandbox, both started once."""

import asyncio
from collections.abc import Callable, Iterator
from threading import Thread

import pytest

from app.sandbox.run import Sandbox
from app.settings import Settings
from app.trace.model import Trace
from tests.worker.plain_run import Plain

Traced = Callable[[str], Trace]


@pytest.fixture(scope="session")
def processes() -> Iterator[tuple[Plain, Traced]]:
    """Both, started beside each other: each imports torch."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()
    sandbox = Sandbox(Settings(deadline_s=30))  # other tests may keep the machine busy
    try:
        with Plain() as plain:
            asyncio.run_coroutine_threadsafe(sandbox.start(), loop).result(120)
            plain.wait()
            yield plain, lambda source: asyncio.run_coroutine_threadsafe(sandbox.trace(source), loop).result(60)
    finally:
        asyncio.run_coroutine_threadsafe(sandbox.stop(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()


@pytest.fixture(scope="session")
def plain(processes: tuple[Plain, Traced]) -> Plain:
    """Plain torch, which is asked by source text."""
    return processes[0]


@pytest.fixture(scope="session")
def traced(processes: tuple[Plain, Traced]) -> Traced:
    """A source text's Trace, through the sandbox."""
    return processes[1]
