"""Every attack gets what it must, and leaves the server as it was: healthy, right, without a process more."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from app.sandbox.run import Sandbox
from app.settings import Settings
from app.trace.model import Trace
from tests.attacks.attack import Attack
from tests.attacks.table import ATTACKS, NUMBERS
from tests.sandbox.conftest import eventually
from tests.sandbox.processes import descendants_of, open_descriptors

pytestmark = pytest.mark.asyncio(loop_scope="module")

HONEST = "import torch\nw = torch.tensor([1., 2.], requires_grad=True)\n(w * w).sum().backward()\n"
HONEST += "print(w.grad, torch.rand(1))"

LEAVING = {"attack", "link", "device", "pipe", "tensor.pt", "storage"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox() -> AsyncIterator[Sandbox]:
    """The sandbox as it is served, with a deadline that a test can wait for."""
    sandbox = Sandbox(Settings(deadline_s=1.0, grace_s=0.25, idle=2, running=2))
    await sandbox.start()
    try:
        yield sandbox
    finally:
        await sandbox.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def honest(sandbox: Sandbox) -> Trace:
    """What an honest snippet gives where nobody attacked before."""
    return await sandbox.trace(HONEST)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def answers(sandbox: Sandbox, honest: Trace) -> dict[str, tuple[Trace, Trace]]:
    """Each attack's answer, and that of the honest snippet right after it. Two at once, as a server would."""
    turns = asyncio.Semaphore(2)

    async def run(attack: Attack) -> tuple[Trace, Trace]:
        async with turns:
            return await sandbox.trace(attack.source(NUMBERS)), await sandbox.trace(HONEST)

    found = await asyncio.gather(*(run(attack) for _, attack in ATTACKS))
    return dict(zip((name for name, _ in ATTACKS), found, strict=True))


@pytest.mark.parametrize(("name", "attack"), ATTACKS, ids=[name for name, _ in ATTACKS])
async def test_the_attack_gets_what_it_must(
    answers: dict[str, tuple[Trace, Trace]], honest: Trace, name: str, attack: Attack
) -> None:
    trace, after = answers[name]
    outcome = trace.outcome
    assert "GOT" not in trace.stdout, trace.stdout
    if attack.must == "denied":
        assert outcome.kind == "finished", outcome
        assert trace.stdout.startswith("DENIED"), trace.stdout
    elif attack.must == "killed":
        assert trace.stdout.startswith("DENIED") or (outcome.kind, outcome.reason) == ("stopped", "crash"), outcome
    elif attack.must == "stopped":
        assert outcome.kind == "stopped", (outcome, trace.stdout[:200])
        assert outcome.reason in attack.reasons, outcome
    assert (after.outcome, after.stdout, after.final) == (honest.outcome, honest.stdout, honest.final)


async def test_nothing_is_left_behind(sandbox: Sandbox, answers: dict[str, tuple[Trace, Trace]]) -> None:
    assert len(answers) >= 80
    assert sandbox.ready
    settled = 2 + 1  # idle children, and one that may just be ending
    await eventually(lambda: len(descendants_of(sandbox.zygote_pid or 0)) <= settled)
    before = open_descriptors(os.getpid())
    for _ in range(20):
        await sandbox.trace("ctypes = __import__('ctypes'); ctypes.string_at(0)")
    await eventually(lambda: open_descriptors(os.getpid()) <= before + 2)
    assert not list(left_behind())


def left_behind() -> list[Path]:
    """Files that an attack would have left."""
    places = (Path(tempfile.gettempdir()), Path("/dev/shm"))  # noqa: S108  # where an attack would leave some
    return [path for place in places for path in place.glob("tapescope-*") if path.name.partition("-")[2] in LEAVING]
