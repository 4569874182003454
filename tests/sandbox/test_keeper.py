"""The zygote is killed, stopped and bloated for real: another one takes its place, and no run is lost."""

import asyncio
import os
import signal
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from app.errors import SandboxUnavailable
from tests.sandbox.conftest import OpenSandbox, eventually
from tests.sandbox.processes import wait_until_gone
from tests.sandbox.test_pool import FOREVER, SPIN, until_running


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
async def test_no_run_is_lost_with_the_zygote(
    open_sandbox: OpenSandbox, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    monkeypatch.setattr("app.sandbox.keeper._ANSWER_S", 0.3)
    async with open_sandbox(idle=1, running=2, check_s=0.1) as sandbox:
        first = sandbox.zygote_pid
        assert first
        runs = [asyncio.create_task(sandbox.trace(f"{SPIN}print({each})")) for each in range(8)]
        await until_running(sandbox, 2)
        os.kill(first, number)
        assert [(await run).stdout for run in runs] == [f"{each}\n" for each in range(8)]
        await eventually(lambda: sandbox.zygote_pid not in (first, None))
        assert wait_until_gone({first}, 5) == set()


async def test_a_zygote_that_hangs_is_noticed_while_nobody_asks(
    open_sandbox: OpenSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.sandbox.keeper._ANSWER_S", 0.2)
    async with open_sandbox(idle=1, check_s=0.05) as sandbox:
        first = sandbox.zygote_pid
        assert first
        os.kill(first, signal.SIGSTOP)
        await eventually(lambda: sandbox.ready and sandbox.zygote_pid != first)
        assert (await sandbox.trace("print(1)")).stdout == "1\n"
        metrics = sandbox.meters.read().decode()
    assert 'tapescope_zygotes_replaced_total{why="died"} 1.0' in metrics


async def test_a_zygote_that_has_grown_is_replaced_behind_the_runs(open_sandbox: OpenSandbox) -> None:
    worker = "tests.sandbox.growing_worker"
    with capture_logs() as logs:
        async with open_sandbox(worker=worker, idle=1, running=2, check_s=0.05, growth_bytes=40_000_000) as sandbox:
            first = sandbox.zygote_pid
            assert first
            long = asyncio.create_task(sandbox.trace(f"import time\nwhile time.time() < {2_000_000_000}: pass"))
            await until_running(sandbox, 1)
            number = 0
            while sandbox.zygote_pid == first:
                number += 1
                assert (await sandbox.trace(f"print({number})")).stdout == f"{number}\n"
                assert sandbox.ready  # there is never a time without one
            assert number > 10
            long.cancel()  # it ran on beside its successor
            with pytest.raises(asyncio.CancelledError):
                await long
            await eventually(lambda: not Path(f"/proc/{first}").exists())
            assert (await sandbox.trace("print(1)")).stdout == "1\n"
    assert [entry for entry in logs if entry["event"] == "zygote_has_grown"]
    assert not [entry for entry in logs if entry["event"] == "zygote_died"]


async def test_draining_finishes_what_was_accepted_and_refuses_the_rest(open_sandbox: OpenSandbox) -> None:
    async with open_sandbox(idle=1, running=1) as sandbox:
        accepted = [asyncio.create_task(sandbox.trace(f"{SPIN}print({each})")) for each in range(3)]
        await until_running(sandbox, 1)
        assert sandbox.accepting
        draining = asyncio.create_task(sandbox.drain())
        await asyncio.sleep(0)
        assert sandbox.ready
        assert not sandbox.accepting
        with pytest.raises(SandboxUnavailable, match="being stopped"):
            await sandbox.trace("a = 1")
        # the second run of a page that was accepted before
        assert (await sandbox.reference("a = 1")).outcome.kind == "finished"
        await draining
        assert [(await run).stdout for run in accepted] == ["0\n", "1\n", "2\n"]


async def test_a_full_queue_is_not_accepting(open_sandbox: OpenSandbox) -> None:
    async with open_sandbox(idle=0, running=1, queue=1) as sandbox:
        runs = [asyncio.create_task(sandbox.trace(FOREVER)) for _ in range(2)]
        await eventually(lambda: sandbox._pool.turns.waiting == 1)
        assert (sandbox.ready, sandbox.accepting) == (True, False)
        for run in runs:
            run.cancel()
        await asyncio.gather(*runs, return_exceptions=True)
        assert sandbox.accepting
