"""Pages per second for a class that presses Run together, against bare fork and exec of the same snippets."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from app.machine import cores
from app.sandbox.environment import ENVIRONMENT
from tests.bench.figures import Figure, Heading, ratios, spread
from tests.bench.server import HOST, Server, end, free_port
from tests.bench.snippets import classroom

READERS = 32
ROUNDS = 4
RUNS_OF_EACH = 3  # in a round
MOST_S = 50.0
_ANSWER_S = 60.0

Press = Callable[[str], object]


class Round:
    """All readers at once, each with its own snippets one after the other."""

    def __init__(self, pool: ThreadPoolExecutor, presses: Sequence[Press]) -> None:
        sources = classroom(READERS * RUNS_OF_EACH)
        shares = [sources[reader::READERS] for reader in range(READERS)]
        begun = time.perf_counter()
        self.waits_ms = [wait for waits in pool.map(_one_by_one, presses, shares) for wait in waits]
        self.per_s = len(sources) / (time.perf_counter() - begun)


def measure(server: Server) -> Iterator[Figure | Heading]:
    """Rounds of both in turns; the first of each only warms up."""
    pages: list[Round] = []
    bare: list[Round] = []
    latest = time.monotonic() + MOST_S
    readers = [server.client(page=f"reader-{number}") for number in range(READERS)]
    with bare_zygote() as port, ThreadPoolExecutor(READERS) as pool:
        while len(pages) < 3 or (len(pages) <= ROUNDS and time.monotonic() < latest):
            pages.append(Round(pool, [reader.press_run for reader in readers]))
            bare.append(Round(pool, [lambda source: press_bare(port, source)] * READERS))
    for reader in readers:
        reader.close()
    del pages[0], bare[0]
    rate, bare_rate = [done.per_s for done in pages], [done.per_s for done in bare]
    yield Heading(
        f"(c) {READERS} readers at once, {READERS * RUNS_OF_EACH} different snippets a round; "
        f"{len(pages)} rounds in turns\n"
        "    Ours: what a press brings, with its reference run where it has one. Bare: fork and exec alone"
    )
    yield Figure(name="pages per second", value=f"{spread(rate).p50:.0f}")
    yield Figure(name="bare runs per second", value=f"{spread(bare_rate).p50:.0f}")
    yield Figure(name="pages / bare runs", ratio=f"{ratios(rate, bare_rate).p50:.2f}")
    yield Figure(name="wait for a page, ms", value=f"{spread([wait for done in pages for wait in done.waits_ms])}")
    yield Figure(name="wait for a bare run, ms", value=f"{spread([wait for done in bare for wait in done.waits_ms])}")


def _one_by_one(press: Press, sources: Sequence[str]) -> list[float]:
    waits_ms = []
    for source in sources:
        begun = time.perf_counter()
        press(source)
        waits_ms.append(1e3 * (time.perf_counter() - begun))
    return waits_ms


def press_bare(port: int, source: str) -> bytes:
    """What the snippet printed."""
    with socket.create_connection((HOST, port), timeout=_ANSWER_S) as connection:
        connection.sendall(source.encode())
        connection.shutdown(socket.SHUT_WR)
        printed = b""
        while part := connection.recv(65_536):
            printed += part
    return printed


@contextmanager
def bare_zygote() -> Iterator[int]:
    """The port of a bare zygote, with a zygote's environment, until the block ends."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.bare", str(port), str(cores())],
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        try:
            if process.stdout is None or process.stdout.readline() != b"ready\n":
                raise RuntimeError("the bare zygote did not start")
            yield port
        finally:
            end(process)
