"""From a snippet handed over to its answer, against the same traced run in a process of its own; and its parts."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from statistics import fmean, median

from app.sandbox.environment import ENVIRONMENT
from app.sandbox.run import Sandbox
from app.settings import Settings
from tests.bench.figures import Figure, Heading, below, ratios, spread
from tests.bench.server import Server, end
from tests.bench.snippets import FIRST

RUNS = 100
ROUNDS = 25
WARM_UP = 10
MOST = 3.0  # times the traced run alone
_SETTLE_S = 0.06  # the next idle child is forked meanwhile
_ROUNDS_S = 120.0

Parts = Mapping[str, tuple[float, float]]


def measure(server: Server) -> Iterator[Figure | Heading]:
    """A sandbox of our own, and the process that traces without one, in turns."""
    del server
    handed_ms, alone_ms = asyncio.run(_in_turns())
    times = ratios(handed_ms, alone_ms).p50
    yield Heading(
        f"(g) The first snippet, handed over to an idle child, until its Trace is decoded; {RUNS} in turns; ms"
    )
    yield Figure(name="handed over → answer", value=f"{spread(handed_ms)}")
    yield Figure(name="the traced run alone, in its own process", value=f"{spread(alone_ms)}")
    yield Figure(name="answer / traced run, p50", ratio=f"{times:.2f}", target=below(times, MOST))
    yield from _parts()


async def _in_turns() -> tuple[list[float], list[float]]:
    handed_ms: list[float] = []
    alone_ms: list[float] = []
    loop = asyncio.get_running_loop()
    sandbox = Sandbox(Settings())
    await sandbox.start()
    try:
        with _beside() as beside:
            for _ in range(RUNS + WARM_UP):
                begun_s = loop.time()
                await sandbox.trace(FIRST)
                handed_ms.append(1e3 * (loop.time() - begun_s))
                await asyncio.sleep(_SETTLE_S)
                alone_ms.append(beside())
    finally:
        await sandbox.stop()
    return handed_ms[WARM_UP:], alone_ms[WARM_UP:]


class _Beside:
    """The process that traces whenever it is told to."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def __call__(self) -> float:
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("it was started with pipes")
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())


@contextmanager
def _beside() -> Iterator[_Beside]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.bench.jailed"],
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield _Beside(process)
        finally:
            end(process)


def _parts() -> Iterator[Figure | Heading]:
    told = subprocess.run(
        [sys.executable, "-m", "tests.bench.jailed", str(ROUNDS)],
        env=ENVIRONMENT,
        capture_output=True,
        check=True,
        timeout=_ROUNDS_S,
    ).stdout
    found = json.loads(told)
    children: Mapping[str, Sequence[Parts]] = found["children"]
    for kind, words in (("cold", "forked for the run"), ("warm", "idle: jailed and warmed up ahead")):
        yield Heading(f"    A child that is {words}; ms of CPU, and share of all; {ROUNDS} in turns")
        # Means: a child's CPU time may be told by ticks of 4 ms, of which a median knows 0 or 1
        whole = fmean(parts["all"][1] for parts in children[kind])
        for name in children[kind][0]:
            cpu_ms = fmean(parts[name][1] for parts in children[kind])
            yield Figure(name=name, value=f"{cpu_ms:.2f}", ratio=f"{cpu_ms / whole:.2f}")
    yield Heading(
        "    Each layer of the jail alone, above a child without any; ms of CPU, and share of a child forked for it"
    )
    none = median(found["layers"].pop("none"))
    whole = median(parts["all"][1] for parts in children["cold"])
    for name, measured in found["layers"].items():
        ms = median(measured) - none
        yield Figure(name=name, value=f"{ms:.2f}", ratio=f"{ms / whole:.3f}")
