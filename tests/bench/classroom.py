"""A class presses Run in one moment: 200 different snippets, then one that all have; every answer is checked."""

import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from html import unescape

from msgspec import Struct

from tests.bench.figures import Figure, Heading, above, below, ratios, spread
from tests.bench.server import Server
from tests.bench.throughput import bare_zygote, press_bare

READERS = 200
ROUNDS = 5
MOST_S = 200.0
SHARE = 0.6  # of the bound
SAME_S = 0.5


class Work(Struct, frozen=True):
    """A snippet, and what it must print: no two of a class print the same."""

    source: str
    prints: str
    grad: list[float] | None = None  # of x, at the end


def work(number: int) -> Work:
    """One reader's snippet: what a lesson leads to, with numbers of the reader's own."""
    head, k = "import torch\n", number + 2
    tail = f"print('reader', {number}, x.grad.tolist())\n"
    match number % 5:
        case 0:
            source = f"{head}x = torch.tensor([{k}.0, 1.0], requires_grad=True)\ny = (x ** 2).sum()\ny.backward()\n"
            grad = [2.0 * k, 2.0]
        case 1:
            source = (
                f"{head}x = torch.tensor([{k}.0], requires_grad=True)\nfor _ in range(4):\n    (x * {k}).backward()\n"
            )
            grad = [4.0 * k]
        case 2:  # silently wrong: the reference run is made as well
            source = (
                f"{head}x = torch.tensor([1.0, 2.0], requires_grad=True)\nout = x.sigmoid()\nout.data.zero_()\n"
                "out.sum().backward()\n"
            )
            grad = [0.0, 0.0]
        case 3:
            source = (
                f"{head}x = torch.ones(3, requires_grad=True)\nw = torch.full((3,), {k}.0)\n"
                "h = (x * w).relu()\nh.sum().backward()\n"
            )
            grad = [float(k)] * 3
        case _:
            source = (
                f"{head}x = torch.tensor([1.0, {k}.0], requires_grad=True)\nout = x.exp()\nprint('reader', {number})\n"
                "out.detach().zero_()\nout.sum().backward()\n"
            )
            return Work(source, f"reader {number}\n")
    return Work(source + tail, f"reader {number} {grad}\n", grad)


def check_answer(body: bytes, wanted: Work) -> None:
    """Raises AssertionError unless a JSON answer, as it came, has the numbers of `wanted`."""
    answer = json.loads(gzip.decompress(body))
    assert answer["stdout"] == wanted.prints, (answer["outcome"], answer["stdout"], wanted.prints)
    if wanted.grad is None:
        assert answer["outcome"]["error"]["type"] == "RuntimeError", answer["outcome"]
    else:
        assert answer["final"]["x"]["grad"]["values"] == wanted.grad, answer["final"]["x"]["grad"]


def check_page(body: bytes, wanted: Work) -> None:
    """Raises AssertionError unless a page, as it came, shows what `wanted` prints."""
    assert wanted.prints.rstrip() in unescape(gzip.decompress(body).decode()), wanted.prints


def check_bare(body: bytes, wanted: Work) -> None:
    """Raises AssertionError unless a bare run printed it."""
    assert body.decode().startswith(wanted.prints), (body, wanted.prints)


class Press:
    """All readers at one moment; each with `works` of its own."""

    def __init__(
        self, ask: Sequence[Callable[[str], bytes]], works: Sequence[Work], check: Callable[..., None]
    ) -> None:
        self.waits_s = [0.0] * len(works)
        bodies = [b""] * len(works)
        gate = threading.Barrier(len(works) + 1)

        def reader(number: int) -> None:
            gate.wait()
            begun = time.perf_counter()
            bodies[number] = ask[number](works[number].source)
            self.waits_s[number] = time.perf_counter() - begun

        threads = [threading.Thread(target=reader, args=(number,)) for number in range(len(works))]
        for thread in threads:
            thread.start()
        gate.wait()
        begun = time.perf_counter()
        for thread in threads:
            thread.join()
        self.per_s = len(works) / (time.perf_counter() - begun)
        for body, wanted in zip(bodies, works, strict=True):
            check(body, wanted)  # none lost, none mixed up


def measure(server: Server) -> Iterator[Figure | Heading]:
    """Rounds of all kinds in turns; the first of each only warms up."""
    clients = [server.client(page=f"reader-{number}") for number in range(READERS)]
    pages: list[Press] = []
    answers: list[Press] = []
    bare: list[Press] = []
    same: list[Press] = []
    ready: list[int] = []
    latest = time.monotonic() + MOST_S
    with bare_zygote() as port:
        while len(pages) < 2 or (len(pages) <= ROUNDS and time.monotonic() < latest):
            number = READERS * len(pages)
            ready.append(server.settle())
            pages.append(Press([c.press_run for c in clients], _works(3 * number), check_page))
            server.settle()  # else the bare runs would share the machine with the forks of ours
            bare.append(Press([lambda s: press_bare(port, s)] * READERS, _works(3 * number), check_bare))
            server.settle()
            answers.append(Press([c.trace for c in clients], _works(3 * number + READERS), check_answer))
            server.settle()
            one = work(10**6 + 5 * number)
            same.append(Press([c.press_run for c in clients], [one] * READERS, check_page))
    for client in clients:
        client.close()
    for each in (pages, answers, bare, same, ready):
        del each[0]
    yield Heading(
        f"(h) {READERS} readers press Run in one moment, {len(pages)} rounds in turns; each answer's numbers checked\n"
        f"    {min(ready)} children waited, as for a class that has the page open; (c) is without them\n"
        "    Bare: fork and exec of the same snippets from a zygote like ours, no jail, no trace, no page"
    )
    bare_rate = [press.per_s for press in bare]
    for name, presses in (("pages", pages), ("JSON answers", answers)):
        rate = [press.per_s for press in presses]
        share = ratios(rate, bare_rate).p50 if len(rate) > 1 else rate[0] / bare_rate[0]
        waits = spread([wait for press in presses for wait in press.waits_s])
        yield Figure(name=f"different snippets, {name} per second", value=f"{_mid(rate):.0f}")
        yield Figure(name=f"{name} / bare runs", ratio=f"{share:.2f}", target=above(share, SHARE))
        yield Figure(name="wait, s", value=f"{waits}")
    bare_waits = spread([wait for press in bare for wait in press.waits_s])
    yield Figure(name="bare runs per second", value=f"{_mid(bare_rate):.0f}")
    yield Figure(name="wait, s", value=f"{bare_waits}")
    waits = spread([wait for press in same for wait in press.waits_s])
    yield Figure(name="one snippet that all have: wait, s", value=f"{waits}", target=below(waits.p95, SAME_S))


def _works(first: int) -> list[Work]:
    return [work(number) for number in range(first, first + READERS)]


def _mid(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]
