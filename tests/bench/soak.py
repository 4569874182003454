"""Thousands of mixed runs, some of them hostile: nothing wrong, nothing left behind, nothing that grows.

`python -m tests.bench.soak [RUNS]`, and shortly within `make bench`. Exits with 1 if anything is wrong or left.
"""

import json
import os
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from statistics import median
from zlib import crc32

from msgspec import Struct

from app.sandbox.keeper import own_bytes
from tests.bench.classroom import Work, check_answer, check_page, work
from tests.bench.figures import Figure, Heading, Target, below, table
from tests.bench.server import Client, Server, serving
from tests.sandbox.processes import children_of, descendants_of, open_descriptors

RUNS = 10_000
SHORT = 600
READERS = 8
HOSTILE = 0.05
GROWTH = 0.05
FLAT_RUNS = 5_000  # before, the heap of the server has not found its size
# Caches are full early, and endless runs end soon: what is looked for shows in the same way.
SETTINGS = {"kept_bytes": 2 * 2**20, "deadline_s": 2.0, "grace_s": 0.5}
_SEED = 5


class Hostile(Struct, frozen=True):
    """A snippet that means no good, and how it may end; anything else is a wrong answer."""

    source: str
    ends: tuple[str, ...]


_CAUGHT = ("raised", "finished")
HOSTILES = [
    Hostile("while True: pass", ("time",)),
    Hostile(
        "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nwhile True: pass", ("time", "raised")
    ),
    Hostile("import os\nos._exit(0)", ("crash",)),
    Hostile("import ctypes\nctypes.string_at(0)", ("crash",)),
    Hostile("import os\nos.kill(os.getppid(), 9)", _CAUGHT),
    Hostile("import os\nwhile True: os.fork()", _CAUGHT),
    Hostile("open('/etc/passwd').read()", _CAUGHT),
    Hostile("import socket\nsocket.socket()", _CAUGHT),
    Hostile("import ctypes\nctypes.CDLL(None).ptrace(0, 0, 0, 0)", ("crash",)),
    Hostile("while True: print('x' * 1000)", ("output",)),
    Hostile("import os\nos.write(4, b'A' + (10).to_bytes(4, 'little') + b'forgedforg')\nos._exit(0)", ("crash",)),
    Hostile("import os\nos.write(4, b'A' + b'\\xff' * 4)\nwhile True: pass", ("size", "time", "crash")),
    Hostile("import os\nos.close(4)", ("crash", *_CAUGHT)),
    Hostile("import os\nos.closerange(0, 64)\nwhile True: pass", ("time", "crash")),
    Hostile("import sys\nsys.setrecursionlimit(10**9)\ndef f(): f()\nf()", ("crash", "raised", "time", "memory")),
    Hostile("import torch\nx = [torch.ones(10**7) for _ in range(10**6)]", ("raised", "memory", "time")),
    Hostile("import json, os, msgspec\nos.write = json.dumps = len = print = None", (*_CAUGHT, "crash")),
]


class Leaving(Struct, frozen=True):
    """A reader who presses Run and closes the page."""

    source: str = "while True: pass"


Visit = Work | Hostile | Leaving


def visits(count: int) -> Iterator[Visit]:
    """The same mixture each time: different snippets, lessons that many have, hostile ones, readers who leave."""
    chance = random.Random(_SEED)  # noqa: S311  # the same mixture is wanted
    for number in range(count):
        drawn = chance.random()
        if drawn < HOSTILE:
            hostile: list[Hostile | Leaving] = [*HOSTILES, Leaving()]
            yield chance.choice(hostile)
        elif drawn < 0.3:
            yield work(10_000_000 + chance.randrange(20))  # what half of a class has
        else:
            yield work(number)


class Soak:
    """The server under `visits`, and what was wrong with its answers."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._local = threading.local()
        self._readers = iter(range(10**6))
        self.wrong: list[str] = []
        self.ends: Counter[str] = Counter()

    def visit(self, visit: Visit) -> None:
        """One reader's visit."""
        if not hasattr(self._local, "client"):
            self._local.client = self._server.client(page=f"soak-{next(self._readers)}")
        client: Client = self._local.client
        try:
            match visit:
                case Work():
                    if crc32(visit.source.encode()) % 4:
                        check_answer(client.trace(visit.source), visit)
                    else:
                        check_page(client.press_run(visit.source), visit)
                    self.ends["as it should"] += 1
                case Hostile():
                    outcome = json.loads(client.trace(visit.source, accept="identity"))["outcome"]
                    end = outcome["reason"] or outcome["kind"]
                    self.ends[end] += 1
                    if end not in visit.ends:
                        self.wrong.append(f"{end} after {visit.source!r}")
                case Leaving():
                    client.leave(visit.source)
                    self.ends["left"] += 1
        except Exception as error:  # noqa: BLE001  # whatever it is, it is a wrong answer
            self.wrong.append(f"{type(error).__name__}: {error} after {visit.source!r}"[:400])


class Held(Struct, frozen=True, kw_only=True):
    """What the server and its zygote hold at one time."""

    server_bytes: int
    zygote_bytes: int
    server_descriptors: int
    zygote_descriptors: int
    processes: int


def held(server: Server) -> Held:
    """As soon as nothing is under way: idle children are there again, and those that were used are gone."""
    zygote = server.zygote_pid
    seen: list[tuple[int, int, int]] = []
    latest = time.monotonic() + 20
    while time.monotonic() < latest:
        now = (len(descendants_of(server.pid)), open_descriptors(server.pid), open_descriptors(zygote))
        seen.append(now)
        if len(seen) > 10 and len(set(seen[-10:])) == 1:
            break
        time.sleep(0.05)
    processes, server_descriptors, zygote_descriptors = seen[-1]
    return Held(
        server_bytes=own_bytes(server.pid) or 0,
        zygote_bytes=own_bytes(zygote) or 0,
        server_descriptors=server_descriptors,
        zygote_descriptors=zygote_descriptors,
        processes=processes,
    )


def soak(server: Server, runs: int, tell: Callable[[str], None] = lambda _: None) -> Iterator[Figure | Heading]:
    """Ten parts; the first two warm up, and the rest are compared: their beginning with their end."""
    under = Soak(server)
    zygote = server.zygote_pid
    parts: list[Held] = []
    all_visits = list(visits(runs))
    begun = time.monotonic()
    size = len(all_visits) // 10
    with ThreadPoolExecutor(READERS) as pool:
        for part in range(10):
            list(pool.map(under.visit, all_visits[part * size : (part + 1) * size]))
            parts.append(held(server))
            tell(f"{(part + 1) * size} runs, {time.monotonic() - begun:.0f} s, {parts[-1]}")
    took_s = time.monotonic() - begun
    before, after = parts[1], parts[-1]
    leaked = {
        "processes": after.processes - before.processes,
        "descriptors of the server": after.server_descriptors - before.server_descriptors,
        "descriptors of the zygote": after.zygote_descriptors - before.zygote_descriptors,
    }
    hostile = sum(isinstance(visit, Hostile | Leaving) for visit in all_visits)
    yield Heading(
        f"(i) {10 * size} mixed runs by {READERS} readers, {hostile} of them hostile or left; {took_s:.0f} s\n"
        f"    {dict(under.ends)}"
    )
    yield Figure(name="wrong answers", value=f"{len(under.wrong)}", target=_none(len(under.wrong)))
    for wrong in under.wrong[:5]:
        yield Heading(f"    {wrong}")
    for name, count in leaked.items():
        yield Figure(name=f"leaked {name}", value=f"{count}", target=_none(count))
    replaced = server.zygote_pid != zygote
    yield Figure(name="zygotes replaced", value=f"{int(replaced)}", target=_none(int(replaced)))
    for name, figures in (
        ("server", [part.server_bytes for part in parts]),
        ("zygote", [part.zygote_bytes for part in parts]),
    ):
        early, late = median(figures[2:5]), median(figures[7:])
        yield Figure(
            name=f"memory of the {name}, MB: after 30 to 50 %, 80 to 100 % of the runs",
            value=f"{early / 1e6:.1f}, {late / 1e6:.1f}",
            ratio=f"{late / early:.3f}",
            target=below(late / early, 1 + GROWTH) if runs >= FLAT_RUNS else None,
        )


def measure(server: Server) -> Iterator[Figure | Heading]:
    """The short one, on a server of its own."""
    del server
    with serving(**SETTINGS) as own:
        yield from soak(own, SHORT)


def _none(count: int) -> Target:
    return Target("0", count <= 0)


def main(runs: int) -> int:
    """Print how it goes, and the figures; 1 if one of them misses."""
    with serving(**SETTINGS) as server:
        lines = list(soak(server, runs, lambda told: print(told, flush=True)))
    print(table(lines))
    with suppress(OSError):
        print(f"load {os.getloadavg()[0]:.1f}; {len(children_of(os.getpid()))} children left")
    return int(any(isinstance(line, Figure) and line.target and not line.target.held for line in lines))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else RUNS))
