"""The zygote: what it shares with its children, and what a child finds of torch."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from app.sandbox import control, probe
from app.sandbox.limits import Limits
from app.sandbox.process import ZygoteProcess
from app.sandbox.run import Sandbox
from tests.sandbox.conftest import PROBING_WORKER, started
from tests.sandbox.processes import children_of, oom_score, wait_until_gone

LIMITS = Limits(memory_bytes=2**28, run_s=3.0, source_bytes=20_000, answer_bytes=2**20)


async def test_a_child_shares_no_memory_with_another() -> None:
    """Each has a page to note its progress in. It must not be able to write to those of others."""
    zygote = await ZygoteProcess.start(PROBING_WORKER, LIMITS, namespaces=False, start_s=60)
    try:
        others = [await zygote.spawn() for _ in range(3)]
        child = await zygote.spawn(probe=control.Probe(layers=(), attempts=("shared_pages",)))
        received = await child.read(2**16)
        for each in (*others, child):
            each.close()
    finally:
        await zygote.stop()
    assert b"1 shared" in received.body
    assert "shared_pages" not in probe.ATTEMPTS  # the worker adds it in the zygote only


async def test_children_are_the_first_to_go_when_memory_runs_out() -> None:
    zygote = await ZygoteProcess.start(PROBING_WORKER, LIMITS, namespaces=False, start_s=60)
    child = await zygote.spawn(probe=control.Probe(layers=(), attempts=("read_file",)))
    await child.stir()
    assert {oom_score(pid) for pid in children_of(zygote.pid)} == {1_000}
    assert oom_score(zygote.pid) == 500
    child.close()
    await zygote.stop()


SERVER = """
import asyncio, sys
from app.sandbox.process import ZygoteProcess
from tests.sandbox.test_zygote import LIMITS

async def serve():
    zygote = await ZygoteProcess.start(sys.argv[1], LIMITS, namespaces=False, start_s=60)
    children = [await zygote.spawn() for _ in range(2)]
    print(zygote.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(serve())
"""


@pytest.mark.parametrize("worker", ["tests.sandbox.plain_worker", "tests.sandbox.deathless_worker"])
def test_nothing_outlives_a_server_that_is_killed(worker: str) -> None:
    """Not even a zygote that hears nothing. The kernel ends it; the other worker has told the kernel not to."""
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        (sys.executable, "-c", SERVER, worker), cwd=root, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout
        zygote = int(server.stdout.readline())
        started = {zygote, *children_of(zygote)}
        assert len(started) == 3
        os.kill(zygote, signal.SIGSTOP)
        while "State:\tT" not in Path(f"/proc/{zygote}/status").read_text():
            os.sched_yield()  # nothing tells us when it has stopped
        server.kill()
        server.wait()
        if worker.endswith("plain_worker"):
            assert wait_until_gone(started, 5) == set()
        else:
            status = Path(f"/proc/{zygote}/status").read_text()
            assert "State:\tT" in status  # stopped, and no signal has come
            assert "ShdPnd:\t0000000000000000" in status
            os.kill(zygote, signal.SIGKILL)
            assert wait_until_gone(started, 5) == set()


async def test_children_end_with_their_zygote() -> None:
    """Also where nobody is left to kill them: the server may have died too."""
    zygote = await ZygoteProcess.start("tests.sandbox.plain_worker", LIMITS, namespaces=False, start_s=60)
    children = [await zygote.spawn() for _ in range(2)]
    # Ready once they are past their jail: the zygote forks one after the other.
    probe_child = await zygote.spawn(probe=control.Probe(layers=(), attempts=("read_file",)))
    await probe_child.stir()
    pids = children_of(zygote.pid)
    assert len(pids) >= 2
    os.kill(zygote.pid, signal.SIGKILL)
    assert wait_until_gone(pids, 5) == set()
    for child in (*children, probe_child):
        child.close()
    await zygote.stop()


TORCH = {
    "first backward": "import torch\na = torch.ones(3, requires_grad=True)\na.sigmoid().sum().backward()",
    "optimizer": (
        "import sys, torch\nbefore = set(sys.modules)\nw = torch.ones(2, requires_grad=True)\n"
        "torch.optim.Adam([w]).step()\nassert len(set(sys.modules) - before) < 5, set(sys.modules) - before"
    ),
    "convolution, large enough for several threads": (
        "import torch\nm = torch.nn.Conv2d(8, 16, 3)\nm(torch.rand(4, 8, 64, 64)).sum().backward()"
    ),
    "matrix product, large": "import torch\na = torch.rand(600, 600, requires_grad=True)\n(a @ a).sum().backward()",
    "threads asked for": (
        "import torch\ntorch.set_num_threads(4)\n"
        "torch.rand(500_000, requires_grad=True).sin().sum().backward()\nassert torch.get_num_threads() == 4"
    ),
    "checkpoint": (
        "import torch\nfrom torch.utils.checkpoint import checkpoint\nx = torch.ones(2, requires_grad=True)\n"
        "checkpoint(torch.sin, x, use_reentrant=False).sum().backward()"
    ),
    "transforms": "import torch\nf = lambda x: (x ** 3).sum()\nprint(torch.func.hessian(f)(torch.ones(2)))",
    "printing": "import torch\nprint(torch.rand(3), torch.rand(2, dtype=torch.complex64), torch.arange(2000))",
    "numpy": "import numpy, torch\na = numpy.arange(3.0)\nt = torch.from_numpy(a)\na[0] = 9\nassert t[0] == 9",
    "torch.compile without a compiler": "import torch\ntorch.compile(torch.sin, backend='eager')(torch.ones(2))",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[True, False], ids=["namespaces", "no namespaces"])
async def torch_sandbox(request: pytest.FixtureRequest) -> AsyncIterator[Sandbox]:
    """With torch imported ahead. In no namespaces, a child's user may not be able to read Python's own folder."""
    async with started(
        worker="tests.sandbox.torch_worker", namespaces=request.param, deadline_s=20.0, memory_bytes=2**30, idle=1
    ) as sandbox:
        yield sandbox


@pytest.mark.asyncio(loop_scope="module")
async def test_torch_works_in_the_jail(torch_sandbox: Sandbox) -> None:
    sources = dict(TORCH)
    if torch_sandbox.remarks:
        del sources["torch.compile without a compiler"]  # it imports 414 modules more
    traces = await asyncio.gather(*map(torch_sandbox.trace, sources.values()))
    ended = {name: trace.outcome for name, trace in zip(sources, traces, strict=True)}
    assert {name: outcome for name, outcome in ended.items() if outcome.kind != "finished"} == {}


@pytest.mark.asyncio(loop_scope="module")
async def test_random_numbers_are_the_same_in_every_run(torch_sandbox: Sandbox) -> None:
    """Python reseeds `random` at each fork: the worker has to set it again in the child."""
    source = "import random, numpy, torch\nprint(random.random(), numpy.random.rand(), torch.rand(1).item())"
    printed = {(await torch_sandbox.trace(source)).stdout for _ in range(3)}
    assert len(printed) == 1


@pytest.mark.asyncio(loop_scope="module")
async def test_a_collection_in_a_child_copies_nothing(torch_sandbox: Sandbox) -> None:
    """The zygote's heap is frozen. Else every child would come to hold a copy of it."""
    trace = await torch_sandbox.trace(
        "import gc, resource\nbefore = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\ngc.collect()\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)"
    )
    assert int(trace.stdout) < 500  # pages; not frozen, it is tens of thousands


def test_the_zygote_needs_nothing_of_the_server() -> None:
    """Its modules import neither the settings nor the web, nor what only the server's side uses."""
    forbidden = ("app.settings", "app.errors", "app.web", "app.main", "asyncio", "structlog")
    sandbox = Path(__file__).parents[2] / "app" / "sandbox"
    for name in "calls control environment frame jail kernel landlock limits namespaces probe seccomp zygote".split():
        text = (sandbox / f"{name}.py").read_text()
        assert not [word for word in forbidden if f"import {word}" in text or f"from {word}" in text], name
