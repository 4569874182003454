"""Sandboxes for the tests: real ones, with a worker that starts quickly."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import msgspec
import pytest
import pytest_asyncio

from app.sandbox.run import Sandbox
from app.settings import Settings

PLAIN_WORKER = "tests.sandbox.plain_worker"
PROBING_WORKER = "tests.sandbox.probing_worker"

OpenSandbox = Callable[..., AbstractAsyncContextManager[Sandbox]]


def quick(**changes: object) -> Settings:
    """Settings with short limits."""
    defaults = Settings(
        deadline_s=10.0, grace_s=0.3, idle=1, running=2, queue=50, memory_bytes=2**28, start_s=60.0, source_bytes=20_000
    )
    return msgspec.structs.replace(defaults, **changes)


@asynccontextmanager
async def started(*, worker: str = PLAIN_WORKER, namespaces: bool = True, **changes: object) -> AsyncIterator[Sandbox]:
    """A sandbox of its own, with `changes` to the quick settings."""
    sandbox = Sandbox(quick(**changes), worker=worker, namespaces=namespaces)
    await sandbox.start()
    try:
        yield sandbox
    finally:
        await sandbox.stop()


async def eventually(holds: Callable[[], object]) -> None:
    """Give the loop turns until `holds`; what is waited for lies in other processes."""
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110  # nothing tells us when
            await asyncio.sleep(0.002)


@pytest.fixture
def open_sandbox() -> OpenSandbox:
    """`async with open_sandbox(idle=0) as sandbox`."""
    return started


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox() -> AsyncIterator[Sandbox]:
    """One sandbox for all tests of a module that leave it as it was."""
    async with started() as sandbox:
        yield sandbox
