"""Every snippet of the tests and of the lessons, run in the sandbox: nothing fails, and all that is said is short."""

import asyncio
from pathlib import Path

import pytest

from app.explain.narrate import Narrator
from app.lessons.catalog import CONTENT
from app.sandbox.run import Sandbox
from app.settings import Settings
from app.trace.history import History
from app.trace.model import Trace
from app.web.prose import prose

SNIPPETS = [*sorted((Path(__file__).parents[2] / "snippets").glob("*.py")), *sorted(CONTENT.glob("*/snippet.py"))]
SHOWN = 600  # moments of one run


@pytest.fixture(scope="module")
def traces() -> dict[Path, Trace]:
    """All of them: some end their process, or change what the next would find."""

    async def run() -> dict[Path, Trace]:
        sandbox = Sandbox(Settings(deadline_s=30))
        await sandbox.start()
        try:
            return {path: await sandbox.trace(path.read_text(encoding="utf-8")) for path in SNIPPETS}
        finally:
            await sandbox.stop()

    return asyncio.run(run())


@pytest.mark.parametrize("path", SNIPPETS, ids=lambda path: path.stem if path.stem != "snippet" else path.parent.name)
def test_every_moment_says_something_short(path: Path, traces: dict[Path, Trace]) -> None:
    history = History(traces[path])
    narrator, count = Narrator(history), history.moments.count
    marks = narrator.marks()
    for moment in range(0, count + 1, max(count // SHOWN, 1)):
        told = narrator.tell(moment)
        assert 0 < len(told.text) <= 400
        assert told.text.endswith((".", "…", "…`"))
        assert told.text.count("`") % 2 == 0
        assert "\n" not in told.text + told.place
        assert told.mark == marks.get(told.moment)
        assert told.mark is None or not told.text.endswith("nothing here is recorded by autograd."), told
        assert str(prose(told.text)).count("<code") == told.text.count("`") // 2
