"""A real server in a process of its own: readers who leave, what it tells of itself, and its end."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from app.web.address import pack
from app.web.makers import CROWD
from tests.bench.server import ROOT, free_port
from tests.sandbox.processes import children_of, descendants_of, wait_until_gone

SPIN = "for _ in range(10_000):\n    pass\nfor _ in range({}):\n    pass\nprint('{}')"
FOREVER = "while True: pass"
LONG = 3_000_000  # passes of a loop: some tenths of a second


class Serving:
    """The process, and one client for all readers."""

    def __init__(self, process: "asyncio.subprocess.Process", client: httpx2.AsyncClient) -> None:
        self.process, self.client = process, client

    async def metric(self, name: str) -> float:
        """Its value, as Prometheus would read it; 0 for one that was not counted yet."""
        text = (await self.client.get("/metrics")).text
        return next((float(line.split()[-1]) for line in text.splitlines() if line.startswith(name)), 0.0)

    async def until(self, name: str, value: float) -> None:
        async with asyncio.timeout(20):
            while await self.metric(name) != value:  # noqa: ASYNC110  # it lies in another process
                await asyncio.sleep(0.01)

    async def come(self, readers: int) -> None:
        """So many open the page."""
        for _ in range(readers):
            assert (await self.client.get("/", headers={"Accept": "text/html"})).status_code == 200

    def ask(self, source: str) -> "asyncio.Task[httpx2.Response]":
        return asyncio.create_task(self.client.post("/api/v1/traces", json={"source": source}))


@asynccontextmanager
async def serving(**settings: object) -> AsyncIterator[Serving]:
    port = free_port()
    given = {f"TAPESCOPE_{name.upper()}": str(value) for name, value in {"port": port, **settings}.items()}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app", "serve",
        cwd=ROOT, env={**os.environ, **given}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    limits = httpx2.Limits(max_keepalive_connections=0)
    try:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30, limits=limits) as client:
            async with asyncio.timeout(60):
                while True:
                    try:
                        if (await client.get("/readyz")).status_code == 200:
                            break
                    except httpx2.TransportError:
                        await asyncio.sleep(0.1)  # it does not listen yet
            yield Serving(process, client)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_a_server_under_readers_who_leave_and_then_under_sigterm() -> None:
    """One server for all of it: its start takes longer than the rest."""
    async with serving(running=1, idle=1, deadline_s=30, drain_s=20) as server:
        # Who leaves ends the run under way, and the one that waits behind it.
        running, waiting = server.ask(FOREVER), None
        await server.until("tapescope_running ", 1)
        waiting = server.ask(f"{FOREVER}  # another")
        await server.until("tapescope_waiting ", 1)
        waiting.cancel()
        await server.until("tapescope_waiting ", 0)
        assert await server.metric("tapescope_running ") == 1
        running.cancel()
        await server.until("tapescope_running ", 0)
        assert await server.metric("tapescope_left_total ") == 2

        # A run that is shared goes on while anybody waits for it.
        shared = SPIN.format(LONG, "shared")
        first = server.ask(shared)
        await server.until("tapescope_running ", 1)
        second = server.ask(shared)
        await server.until('tapescope_answers_total{origin="shared"}', 1)
        first.cancel()
        answer = await second
        assert answer.json()["stdout"] == "shared\n"
        runs = 'tapescope_runs_total{kind="trace",outcome="finished",reason=""}'
        assert await server.metric(runs) == 1
        assert (await server.ask(shared)).headers["tapescope-run"] == answer.headers["tapescope-run"]
        assert await server.metric(runs) == 1
        assert await server.metric('tapescope_answers_total{origin="kept"}') == 1

        # SIGTERM: what was accepted is answered, what comes is refused.
        accepted = [server.ask(SPIN.format(LONG, number)) for number in range(2)]
        await server.until("tapescope_waiting ", 1)
        living = descendants_of(server.process.pid)
        assert len(living) >= 2
        server.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            while (ready := await server.client.get("/readyz")).status_code == 200:  # noqa: ASYNC110  # as above
                await asyncio.sleep(0.01)
        assert ready.status_code == 503
        assert (await server.client.get("/healthz")).status_code == 200
        refused = await server.ask("print('too late')")
        assert (refused.status_code, refused.json()["error"]) == (503, "sandbox-unavailable")
        assert int(refused.headers["retry-after"]) >= 1
        assert [(await task).json()["stdout"] for task in accepted] == ["0\n", "1\n"]
        assert await server.process.wait() in (0, -signal.SIGTERM)
        assert wait_until_gone(living, 5) == set()


async def test_a_class_gets_its_pages_from_several_processes_and_goes_on_from_there() -> None:
    async with serving(running=2, idle=2, page_processes=2) as server:
        assert await server.metric("tapescope_page_processes ") == 0
        await server.come(CROWD)
        await server.until("tapescope_page_processes ", 2)
        await server.until(
            "tapescope_idle_children ", 6
        )  # of five, with the one who ran the example: and one for second runs
        sources = [f"import torch\nx = torch.ones({number + 1})\nprint('page', x.numel())\n" for number in range(12)]
        pages = await asyncio.gather(*(server.client.post("/traces", data={"source": source}) for source in sources))
        assert [page.status_code for page in pages] == [200] * 12
        assert all(f"page {number + 1}" in page.text for number, page in enumerate(pages))
        runs = 'tapescope_runs_total{kind="trace",outcome="finished",reason=""}'
        before = await server.metric(runs)
        at_moment_2 = await server.client.get("/", params={"code": pack(sources[-1]), "moment": "2"})
        assert at_moment_2.status_code == 200
        assert await server.metric(runs) == before
        loop = "import torch\nx = torch.ones(1, requires_grad=True)\nfor _ in range(600):\n    y = x * 2\nprint('{}')\n"
        long = await asyncio.gather(
            *(server.client.post("/traces", data={"source": loop.format(f"long {number}")}) for number in range(3))
        )
        assert all(f"long {number}" in page.text for number, page in enumerate(long))
        alone = await server.client.post("/traces", data={"source": sources[0] + "# alone"})
        assert "page 1" in alone.text


async def test_a_server_that_is_killed_leaves_no_process() -> None:
    async with serving(running=2, idle=2, deadline_s=30, page_processes=2) as server:
        await server.come(CROWD)
        await server.until("tapescope_page_processes ", 2)
        runs = [server.ask(f"{FOREVER}  # {number}") for number in range(4)]
        await server.until("tapescope_waiting ", 2)
        living = descendants_of(server.process.pid)
        assert len(living) >= 6
        server.process.send_signal(signal.SIGKILL)
        await server.process.wait()
        ended = await asyncio.gather(*runs, return_exceptions=True)
        assert all(isinstance(each, httpx2.TransportError) for each in ended)
        assert wait_until_gone(living, 5) == set()
        assert children_of(os.getpid()) & living == set()


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        (Settings(), 200),
        (Settings(metrics=False), 404),
        (Settings(public=True), 404),
        (Settings(public=True, metrics=True), 200),
    ],
)
def test_metrics_of_a_public_server_are_for_who_asks_for_them(settings: Settings, status: int) -> None:
    client = TestClient(create_app(settings))  # not started: it need not run anything
    assert client.get("/metrics").status_code == status
    assert client.get("/readyz").status_code == 503
