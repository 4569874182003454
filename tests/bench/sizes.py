"""How many bytes an answer has, as a page and as JSON."""

from collections.abc import Iterator

from app.lessons.catalog import catalog
from tests.bench.figures import Figure, Heading, below
from tests.bench.server import Server
from tests.bench.training import SGD, SGD_STEPS, STEP

PAGE_KB = 60.0  # compressed; UI.md, section 10


def measure(server: Server) -> Iterator[Figure | Heading]:
    """The lessons, one training step, and many."""
    client = server.client()
    yield Heading("(d) Bytes of an answer; kB plain, kB gzip")
    sources = {lesson.slug: lesson.source for lesson in catalog().listed}
    for name, source in {**sources, "MLP, one step": STEP, f"MLP, {SGD_STEPS} steps": SGD}.items():
        page, page_gz = (len(client.whole_page(source, accept=accept)) / 1e3 for accept in ("identity", "gzip"))
        brought, brought_gz = (len(client.press_run(source, accept=accept)) / 1e3 for accept in ("identity", "gzip"))
        json, json_gz = (len(client.trace(source, accept=accept)) / 1e3 for accept in ("identity", "gzip"))
        target = below(page_gz, PAGE_KB) if name in sources else None
        yield Figure(name=f"{name}: page", value=f"{page:.0f}, {page_gz:.0f}", target=target)
        yield Figure(name=f"{name}: what a press brings", value=f"{brought:.0f}, {brought_gz:.0f}")
        yield Figure(name=f"{name}: JSON", value=f"{json:.0f}, {json_gz:.0f}")
    client.close()
