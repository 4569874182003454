"""From Run to all that it changes, against torchviz in this process, and against a Python that starts for it."""

import gzip
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from types import CodeType

from starlette.requests import Request

from app.diagram.pictures import draw
from app.explain import explain
from app.explain.contrast import contrast
from app.main import create_app
from app.settings import Settings
from app.web.address import Address
from app.web.answers import LEVEL
from app.web.bench_page import around, result_page
from app.web.run import Run
from app.web.shown import show
from tests.bench.figures import Figure, Heading, above, below, spread
from tests.bench.server import Server, serving
from tests.bench.snippets import FIRST, TORCHVIZ
from tests.tracing import reference_of, trace_of

RUNS = 200
COLD_RUNS = 5
MOST_S = 80.0
_WARM_UP = 10
_SETTLE_S = 0.05  # after a run the server forks a new idle child: torchviz shall not be slowed by it


def measure(server: Server) -> Iterator[Figure | Heading]:
    """Pages, also as they are served, and torchviz in turns; the cold process a few times between them."""
    with serving() as sharing:
        yield from _in_turns(server, sharing)


def _in_turns(server: Server, sharing: Server) -> Iterator[Figure | Heading]:
    client, shared, code = server.client(), sharing.client(), torchviz_code()
    for _ in range(_WARM_UP):
        client.press_run(FIRST)
        shared.press_run(FIRST)
        exec(code, {})  # noqa: S102  # our own snippet
    pages_ms: list[float] = []
    whole_ms: list[float] = []
    shared_ms: list[float] = []
    torchviz_ms: list[float] = []
    cold_ms: list[float] = []
    latest = time.monotonic() + MOST_S
    while len(pages_ms) < RUNS and time.monotonic() < latest:
        pages_ms.append(_ms(lambda: client.press_run(FIRST)))
        time.sleep(_SETTLE_S)
        whole_ms.append(_ms(lambda: client.whole_page(FIRST)))
        shared_ms.append(_ms(lambda: shared.press_run(FIRST)))
        time.sleep(_SETTLE_S)
        torchviz_ms.append(_ms(lambda: exec(code, {})))  # noqa: S102  # a snippet is there to be run
        if len(pages_ms) % (RUNS // COLD_RUNS) == 5:
            cold_ms.append(_ms(cold_torchviz))
    client.close()
    shared.close()
    torchviz, cold = spread(torchviz_ms), spread(cold_ms)
    yield Heading(f"(a) The first snippet, from Run to all that it changes; {len(pages_ms)} presses in turns; ms")
    yield Figure(name="torchviz in this process, its SVG alone", value=f"{torchviz}")
    yield Figure(name=f"torchviz in a cold python, {len(cold_ms)} runs", value=f"{cold}")
    for name, page in (
        ("page as it is served: an answer that others got is shared", spread(shared_ms)),
        ("page, each press a run of its own", spread(pages_ms)),
        ("the same without scripts: a whole page, for every width", spread(whole_ms)),
    ):
        against, faster = page.p50 / torchviz.p50, cold.p50 / page.p50
        yield Figure(name=name, value=f"{page}")
        yield Figure(name="  / torchviz, p50", ratio=f"{against:.2f}", target=below(against, 0.35))
        yield Figure(name="  / torchviz, p95", ratio=f"{page.p95 / torchviz.p95:.2f}")
        yield Figure(name="  cold / page, p50", ratio=f"{faster:.0f}", target=above(faster, 100))
    yield from shares(server, spread(pages_ms).p50)


def torchviz_code() -> CodeType:
    """The snippet that torchviz draws; torchviz itself is imported."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it asks distutils for torch's version
        import torchviz  # noqa: F401  # only whether it is installed
    return compile(TORCHVIZ, "torchviz_snippet.py", "exec")


def cold_torchviz() -> None:
    """A Python that starts, imports torch, draws and ends."""
    subprocess.run([sys.executable, "-W", "ignore", "-c", TORCHVIZ], stdin=subprocess.DEVNULL, check=True, timeout=60)


def shares(server: Server, page_ms: float) -> Iterator[Figure | Heading]:
    """Where the time of a page goes: runs by the server's log, the rest by doing it here."""
    yield Heading(
        "    Where it goes; ms, and share of the page. The diagrams are drawn while the reference run is under way"
    )
    trace, reference = trace_of(FIRST), reference_of(FIRST)
    contrasts = tuple(contrast(trace, reference))
    run = Run(trace=trace, diagnoses=explain(trace), reference=reference, contrasts=contrasts)
    pictures = draw(trace, room="wide")
    shown, place = show(run, pictures, FIRST), Address(path="/")
    site = create_app(Settings()).state.tapescope  # not started: it answers nothing, but knows how to
    request = Request({"type": "http", "headers": [(b"hx-request-type", b"partial")]})
    beside = around(request, site, FIRST)
    html = bytes(result_page(beside, FIRST, shown, place).body)
    run_ms, reference_ms = spread(server.run_ms("trace")).p50, spread(server.run_ms("reference")).p50
    pictures_ms = _p50_ms(lambda: draw(trace, room="wide"))
    explain_ms = _p50_ms(lambda: explain(trace)) + _p50_ms(lambda: contrast(trace, reference))
    view_ms = _p50_ms(lambda: show(run, pictures, FIRST))
    template_ms = _p50_ms(lambda: result_page(beside, FIRST, shown, place))
    gzip_ms = _p50_ms(lambda: gzip.compress(html, LEVEL))
    known_ms = run_ms + explain_ms + max(reference_ms, pictures_ms) + view_ms + template_ms + gzip_ms
    for name, ms in (
        ("run", run_ms),
        ("reference run", reference_ms),
        ("diagrams", pictures_ms),
        ("diagnoses and contrast", explain_ms),
        ("rest of the view", view_ms),
        ("template", template_ms),
        ("compression", gzip_ms),
        ("HTTP, queue and the rest", page_ms - known_ms),
    ):
        yield Figure(name=name, value=f"{ms:.2f}", ratio=f"{ms / page_ms:.2f}")


def _ms(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return 1e3 * (time.perf_counter() - begun)


def _p50_ms(work: Callable[[], object]) -> float:
    return spread([_ms(work) for _ in range(30)]).p50
