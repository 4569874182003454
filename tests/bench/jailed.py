"""What a jailed child costs, part by part, in a process like the zygote; and a traced run without any of it.

`python -m tests.bench.jailed ROUNDS`, with a zygote's environment, prints JSON. Not a server's child: it takes apart
what that does in one go. Without ROUNDS it traces the first snippet for each line that it reads, in its own process.
"""

import gc
import json
import mmap
import os
import resource
import sys
import time
from pathlib import Path
from typing import NoReturn

from app.sandbox import heap, jail, limits, namespaces
from app.settings import Settings
from app.trace.wire import Request
from app.worker import answer
from app.worker.fit import fit
from app.worker.preload import seed_again
from app.worker.run import Run
from tests.bench.snippets import FIRST

LOW_DESCRIPTORS = 3  # kept free for the child's pipes, as the zygote does


class Costs:
    """Milliseconds by part: as the clock tells, and of CPU."""

    def __init__(self) -> None:
        self.parts: dict[str, tuple[float, float]] = {}
        self._clock, self._cpu = time.perf_counter(), time.process_time()

    def end(self, part: str) -> None:
        """What was done since the last end was `part`."""
        clock, cpu = time.perf_counter(), time.process_time()
        self.parts[part] = 1e3 * (clock - self._clock), 1e3 * (cpu - self._cpu)
        self._clock, self._cpu = clock, cpu


def traced() -> bytes:
    """The first snippet, traced and encoded."""
    request = Request(kind="trace", source=FIRST, output_bytes=65_536)
    return fit(Run(request, memoryview(bytearray(8)).cast("q"), _ignore).trace())


def _ignore(_: bytes) -> None:
    raise RuntimeError("the run was stopped")


def child(layers: "jail.Jail", put_on: tuple[jail.JailLayer, ...], reader: int, writer: int, *, warm: bool) -> NoReturn:
    """Jail this process, warm it up, run, and send what that cost."""
    try:
        costs = Costs()
        layers.lock(put_on, namespaces.FIRST_UID, reader, writer)
        costs.end("jail")
        if warm:
            answer.warm()
            costs.end("warm-up")
        seed_again()
        traced()
        costs.end("traced run")
        os.write(jail.ANSWER, json.dumps(costs.parts).encode())
    finally:
        os._exit(0)


def forked(layers: "jail.Jail", put_on: tuple[jail.JailLayer, ...], *, warm: bool) -> dict[str, tuple[float, float]]:
    """What one child costs; "fork" until its first line, "end" after its last, "all" of it as its parent saw it."""
    request_reader, request_writer = os.pipe()
    answer_reader, answer_writer = os.pipe()
    page = mmap.mmap(-1, mmap.PAGESIZE)
    begun, cpu = time.perf_counter(), time.process_time()
    pid = os.fork()
    if pid == 0:
        child(layers, put_on, request_reader, answer_writer, warm=warm)
    parent_cpu = time.process_time() - cpu
    os.close(answer_writer)
    told = b""
    while part := os.read(answer_reader, 65_536):
        told += part
    _, _, used = os.wait4(pid, 0)
    took = time.perf_counter() - begun
    for descriptor in (request_reader, request_writer, answer_reader):
        os.close(descriptor)
    page.close()
    parts: dict[str, tuple[float, float]] = {name: (wall, used) for name, (wall, used) in json.loads(told).items()}
    known_ms, known_cpu = (sum(part[index] for part in parts.values()) for index in (0, 1))
    cpu_ms = 1e3 * (used.ru_utime + used.ru_stime + parent_cpu)
    parts["fork and end"] = 1e3 * took - known_ms, cpu_ms - known_cpu
    parts["all"] = 1e3 * took, cpu_ms
    return parts


def main(rounds: int) -> None:
    """Prints, by name, a list of what each round cost."""
    settings = Settings()
    answer.prepare()
    for _ in range(LOW_DESCRIPTORS):
        os.open(os.devnull, os.O_RDWR)
    mapped_bytes = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    wanted = limits.Limits(
        memory_bytes=settings.memory_bytes,
        run_s=settings.deadline_s + settings.grace_s,
        source_bytes=settings.source_bytes,
        answer_bytes=settings.answer_bytes,
    )
    layers = jail.Jail(wanted, jail.readable_paths(), mapped_bytes)
    gc.collect()
    gc.freeze()
    heap.fill_holes()
    heap.make_room()
    every = tuple(layer for layer in jail.ALL if layer in layers.layers)
    found: dict[str, list[dict[str, tuple[float, float]]]] = {"cold": [], "warm": []}
    alone: dict[str, list[float]] = {name: [] for name in ("none", *every)}
    for _ in range(rounds):
        found["cold"].append(forked(layers, every, warm=False))
        found["warm"].append(forked(layers, every, warm=True))
        for name in alone:
            needed: tuple[jail.JailLayer, ...] = ("no-new-privileges",) if name in ("landlock", "seccomp") else ()
            put_on = tuple(layer for layer in every if layer == name or layer in needed)
            alone[name].append(forked(layers, put_on, warm=False)["jail"][1])
    print(json.dumps({"children": found, "layers": alone}))


def in_process() -> None:
    """Trace the first snippet for each line of stdin, and print the milliseconds."""
    answer.prepare()
    gc.collect()
    gc.freeze()
    for _ in sys.stdin:
        seed_again()
        begun = time.perf_counter()
        traced()
        print(1e3 * (time.perf_counter() - begun), flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(int(sys.argv[1]))
    else:
        in_process()
